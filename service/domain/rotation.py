"""Refresh rotation (RFC 9700 section 4.14.2): each use spends the token, and a token used twice gives a thief away.

A successor is derived from the token it follows with a key that only the service has. So a retry within the grace gets
the same successor from any instance, though no store holds it; and an older token proves itself: following its
successors leads to the token in place. A made-up token leads nowhere, and so ends nobody's session.
"""

import asyncio
import base64

import structlog

from service.ambient import Ambient
from service.domain.endings import Endings
from service.domain.models import Session, Swap, Swapped, SwapState
from service.domain.ports import RefreshSessions
from service.domain.refresh_tokens import RefreshToken
from service.domain.seals import Purpose, Seals
from service.errors import InvalidRefreshTokenError
from service.settings import Tokens as TokenSettings

MAX_STEPS = 50_000  # of a walk along successors, some 3 microseconds each; a month of refreshes a minute
log = structlog.get_logger(__name__)


class Rotation:
    def __init__(
        self, stored: RefreshSessions, endings: Endings, seals: Seals, settings: TokenSettings, ambient: Ambient
    ) -> None:
        self._stored = stored
        self._endings = endings
        self._seals = seals
        self._settings = settings
        self._ambient = ambient

    async def use(self, token: RefreshToken) -> tuple[Session, RefreshToken]:
        """The token's session and its successor. Raises InvalidRefreshTokenError; a reuse ends the session besides."""
        successors = self._successors(token)
        swapped = await self._stored.rotate(
            Swap(
                session_id=token.session_id,
                shown=token.digest,
                successor=successors[0].digest,
                now=self._ambient.now(),
                idle_lifetime=self._settings.idle_lifetime,
                grace=self._settings.refresh_grace,
            )
        )
        if swapped.session is None:
            raise InvalidRefreshTokenError
        if swapped.state in (SwapState.RENEWED, SwapState.AGAIN):
            for successor in successors:
                if successor.digest == swapped.current:
                    return swapped.session, successor
        elif swapped.state is SwapState.SPENT or await asyncio.to_thread(self._leads_to, token, swapped):
            await self._endings.end(swapped.session.user_id, [token.session_id])
            log.warning(
                "authn_token_reuse",
                session_id=token.session_id,
                user_id=str(swapped.session.user_id),
                which="the token before" if swapped.state is SwapState.SPENT else "an older token",
            )
        raise InvalidRefreshTokenError

    def _successors(self, token: RefreshToken) -> list[RefreshToken]:
        """The one that the current secret makes, then those that earlier secrets made."""
        return [
            RefreshToken(token.session_id, base64.urlsafe_b64encode(digest).decode().rstrip("="))
            for digest in self._seals.digests(Purpose.ROTATION, token.text)
        ]

    def _leads_to(self, token: RefreshToken, swapped: Swapped) -> bool:
        for secret in range(len(self._successors(token))):
            step = token
            for _ in range(min(swapped.swaps, MAX_STEPS)):
                step = self._successors(step)[secret]
                if step.digest == swapped.current:
                    return True
        return False
