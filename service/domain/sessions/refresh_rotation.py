"""Refresh rotation (RFC 9700 section 4.14.2): each token is used once; a second use reveals theft.

A successor is derived from its predecessor with a key that only the service has. So a retry within the grace period
gets the same successor from any instance, though no store holds it. An older token can be verified: deriving its
successors arrives at the current token. A forged token never does, so it cannot end a session.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.mail.notices import Notice
from service.domain.models import Session, Visitor
from service.domain.seals import Purpose, Seals
from service.domain.sessions.models import Swap, SwapState
from service.domain.sessions.ports import RefreshSessions
from service.domain.sessions.refresh_tokens import RefreshToken
from service.domain.sessions.revocation import SessionRevocation
from service.errors import InvalidRefreshTokenError
from service.settings import TokenSettings

TellOwner = Callable[[UUID, Notice, Visitor], Awaitable[None]]
MAX_STEPS = 50_000  # successors derived per check, about 3 microseconds each; a month of refreshes once a minute


class RefreshRotation:
    def __init__(
        self,
        refresh_sessions: RefreshSessions,
        revocation: SessionRevocation,
        seals: Seals,
        settings: TokenSettings,
        ambient: Ambient,
        *,
        events: Events,
        tell_owner: TellOwner,
    ) -> None:
        self._tell_owner = tell_owner
        self._refresh_sessions = refresh_sessions
        self._revocation = revocation
        self._seals = seals
        self._settings = settings
        self._ambient = ambient
        self._events = events
        self.swaps: Counter[SwapState] = Counter()  # presented tokens by outcome
        self._walking = asyncio.Semaphore(1)  # a check holds the GIL; many at once would starve all requests

    async def use(self, token: RefreshToken, visitor: Visitor, client_id: str = "") -> tuple[Session, RefreshToken]:
        """The token's session and its successor. Raises InvalidRefreshTokenError.

        Reuse of the previous token also ends the session. Any older token raises UnrecognisedTokenError; pass it to
        `check_for_reuse`.
        """
        successors = self._successors(token)
        swapped = await self._refresh_sessions.rotate(
            Swap(
                session_id=token.session_id,
                shown=token.digest,
                successor=successors[0].digest,
                now=self._ambient.now(),
                grace=self._settings.refresh_grace,
                client_id=client_id,
            )
        )
        self.swaps[swapped.state] += 1
        if swapped.session is None:
            raise InvalidRefreshTokenError
        if swapped.state in (SwapState.RENEWED, SwapState.AGAIN):
            for successor in successors:
                if successor.digest == swapped.current:
                    return swapped.session, successor
        elif swapped.state is SwapState.SPENT:
            await self._end(swapped.session, Reason.TOKEN_BEFORE, visitor)
            raise InvalidRefreshTokenError(
                Reason.REUSED, user_id=swapped.session.user_id, session_id=swapped.session.id
            )
        raise UnrecognisedTokenError(token, swapped.session, swapped.current, swapped.swaps)

    async def check_for_reuse(self, strange: "UnrecognisedTokenError", visitor: Visitor) -> bool:
        """End the session if this is one of its earlier tokens; whether it is.

        The check is expensive: apply the rate limit first.
        """
        async with self._walking:
            is_genuine = await asyncio.to_thread(self._leads_to, strange)
        if is_genuine:
            await self._end(strange.session, Reason.OLDER_TOKEN, visitor)
        return is_genuine

    async def _end(self, session: Session, which: Reason, visitor: Visitor) -> None:
        self._events.emit(Event(Name.TOKEN_REUSED, Outcome.FAILURE, which, session.user_id, session.id))
        await self._revocation.end(session.user_id, [session.id], why=Reason.REUSE)
        await self._tell_owner(session.user_id, Notice.TOKEN_REUSED, visitor)

    def _successors(self, token: RefreshToken) -> list[RefreshToken]:
        """The successor under the current secret, then those under the previous secrets."""
        return [_successor(token, digest) for digest in self._seals.digesters(Purpose.ROTATION)]

    def _leads_to(self, strange: "UnrecognisedTokenError") -> bool:
        for digest in self._seals.digesters(Purpose.ROTATION):
            step = strange.token
            for _ in range(min(strange.swaps, MAX_STEPS)):
                step = _successor(step, digest)
                if step.digest == strange.current:
                    return True
        return False


class UnrecognisedTokenError(InvalidRefreshTokenError):
    """Neither the current nor the previous token of a live session: older, or forged. `current` is a digest."""

    def __init__(self, token: RefreshToken, session: Session, current: bytes, swaps: int) -> None:
        super().__init__()
        self.token, self.session, self.current, self.swaps = token, session, current, swaps


def _successor(token: RefreshToken, digest: Callable[[str], bytes]) -> RefreshToken:
    return RefreshToken(token.session_id, base64.urlsafe_b64encode(digest(token.text)).decode().rstrip("="))
