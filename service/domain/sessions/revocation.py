"""Session revocation: Postgres is the durable record, Redis the fast index, restored after a data loss."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.clock_watch import ClockWatch
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.models import Claims
from service.domain.sessions.models import EndedSession, Revocation
from service.domain.sessions.ports import Denylist, ForgottenError, RefreshSessions, Revocations
from service.domain.signing.key_states import killed_until
from service.domain.signing.ports import SigningKeys
from service.domain.signing.tokens import Tokens
from service.errors import UnavailableError
from service.settings import TokenSettings

OVERTAKEN = timedelta(seconds=60)  # a refresh in flight may sign tokens this long after the revocation
PAGE = 500  # revoked sessions per read: two milliseconds of the event loop, and a fraction of a megabyte
LOOK_EVERY = 5.0  # seconds
log = structlog.get_logger(__name__)


class SessionRevocation:
    """The only place that revokes sessions and checks tokens for revocation."""

    def __init__(
        self,
        revocations: Revocations,
        denylist: Denylist,
        refresh_sessions: RefreshSessions,
        settings: TokenSettings,
        ambient: Ambient,
        *,
        keys: SigningKeys,
        events: Events,
        clock: ClockWatch,
    ) -> None:
        self._revocations = revocations
        self._denylist = denylist
        self._refresh_sessions = refresh_sessions
        self._keys = keys
        self._events = events
        self._clock = clock
        self._settings = settings
        self._ambient = ambient
        self._restoring: asyncio.Task[None] | None = None
        self._is_told = False  # the FORGOTTEN event was emitted for the current loss
        self._failure = ""  # error of the last restore

    async def end(
        self, user_id: UUID, session_ids: Iterable[str], tokens: Iterable[Claims] = (), *, why: Reason
    ) -> None:
        """End sessions of a user permanently: when this returns, no instance accepts their tokens.

        Postgres comes first, so that Redis can be restored if it fails in between; success is acknowledged after both.
        `tokens` are also denied by their own ids. Raises UnavailableError: the revocation may not be effective yet.
        """
        ended = [EndedSession(session_id, user_id) for session_id in sorted(session_ids)]
        if not ended:
            return
        token_life = self._settings.longest + OVERTAKEN
        denied_for = await self._revocations.add(ended, token_life, self._settings.refresh_lifetime)
        now = self._ambient.now()
        left = {token.token_id: token.expires_at + self._settings.leeway - now for token in tokens}
        try:
            await self._denylist.add(
                {token_id: time for token_id, time in left.items() if time > timedelta(0)},
                {one.session_id: denied_for for one in ended},
            )
        except ForgottenError:
            self._start_restoring()
            raise UnavailableError from None
        await self._refresh_sessions.remove(ended)
        for one in ended:
            self._events.emit(Event(Name.ENDED, reason=why, user_id=user_id, session_id=one.session_id))

    async def was_revoked(self, session_id: str) -> bool:
        """Whether Postgres has the session as revoked; checked before new tokens are issued.

        This also covers a session that an old Redis snapshot brought back, long after its denial has expired.
        """
        return await self._revocations.has(session_id)

    async def delete_expired(self) -> None:
        """Delete the records of sessions that no Redis snapshot can bring back."""
        await self._revocations.delete_expired()

    async def of_user(self, user_id: UUID) -> AsyncIterator[Sequence[Revocation]]:
        """Page by page: a user may have any number of revoked sessions."""
        after = ""
        while page := await self._revocations.of_user(user_id, after, PAGE):
            yield page
            after = page[-1].session_id

    async def is_revoked(self, *, session_id: str, token_id: str, key_id: str) -> bool:
        """Whether the session, the token or its key was revoked. Raises UnavailableError while that is unknown."""
        return await self._answered(self._denylist.has(token_id, session_id, key_id))

    async def is_key_revoked(self, key_id: str) -> bool:
        """Raises UnavailableError as `is_revoked` does."""
        return await self._answered(self._denylist.denies_key(key_id))

    async def require_good_key(self, tokens: Tokens) -> None:
        """Raises UnavailableError while the denylist cannot answer, or denies the active signing key.

        A revoked key may show up in the denylist first; the keys are then reloaded before anything is signed.
        """
        if await self.is_key_revoked(tokens.key_id):
            await tokens.read_keys()
            if await self.is_key_revoked(tokens.key_id):
                raise UnavailableError

    async def _answered(self, question: Awaitable[bool]) -> bool:
        try:
            return await question
        except ForgottenError:
            self._start_restoring()
            raise UnavailableError from None

    async def require_complete(self) -> None:
        """Raises UnavailableError (or the store's own outage) unless the denylist answers and is complete."""
        if not await self._denylist.is_complete():
            self._start_restoring()
            raise UnavailableError

    async def run_forever(self) -> None:
        """Check every few seconds that the denylist is complete, for as long as the service runs.

        Needed even without requests: the completeness marker expires in less than a minute unless it is renewed.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(Exception):  # a request that needs the denylist meets and reports the same outage
                await self.require_complete()

    async def deny_killed_keys(self) -> None:
        """Deny every token of the keys marked as revoked in Postgres. Raises the store's outage."""
        try:
            await self._denylist.add({}, {}, await self._killed_keys())
        except ForgottenError:
            await self.restore()

    async def restore(self) -> None:
        """Reload the denylist from Postgres, unless it is marked complete.

        Raises MisfitError on an instance whose clock is wrong: it cannot tell for how long revoked keys stay denied.
        """
        if not await self._denylist.is_complete():
            self._clock.require_right()
            await self._denylist.settle()  # or a revocation acknowledged on another primary would be missing here
            async with self._revocations.recall() as remembered:
                another_was_quicker = await self._denylist.is_complete()
                if not another_was_quicker:
                    await self._denylist.restore(remembered, await self._killed_keys())
                    self._events.emit(Event(Name.RESTORED, source=""))
        self._is_told, self._failure = False, ""

    async def _killed_keys(self) -> dict[str, timedelta]:
        now = self._ambient.now()
        return {kid: until - now for kid, until in killed_until(await self._keys.all()).items() if until > now}

    def _start_restoring(self) -> None:
        if self._restoring is None or self._restoring.done():
            if not self._is_told:
                self._is_told = True
                self._events.emit(Event(Name.FORGOTTEN, Outcome.FAILURE, source=""))
            self._restoring = asyncio.create_task(self._restore_or_log())

    async def _restore_or_log(self) -> None:
        try:
            await self.restore()
        except Exception as error:  # noqa: BLE001 - the next request that needs the denylist retries
            if (failure := type(error).__name__) != self._failure:
                self._failure = failure
                log.error("denylist not restored", error=failure)
