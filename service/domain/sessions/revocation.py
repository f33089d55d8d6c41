"""Ending sessions so that they stay ended: Postgres remembers, Redis answers, and is told again when it forgot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.models import Claims
from service.domain.sessions.models import EndedSession, Revocation
from service.domain.sessions.ports import Denylist, ForgottenError, RefreshSessions, Revocations
from service.domain.signing.key_states import killed_until
from service.domain.signing.ports import SigningKeys
from service.errors import UnavailableError
from service.settings import TokenSettings

OVERTAKEN = timedelta(seconds=60)  # a refresh that was under way may sign its tokens this long after the ending
PAGE = 500  # ended sessions read at once: two milliseconds of the event loop, and a fraction of a megabyte
LOOK_EVERY = 5.0  # seconds
log = structlog.get_logger(__name__)


class SessionRevocation:
    """The one place where sessions end and where a token is asked whether its session has ended."""

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
    ) -> None:
        self._revocations = revocations
        self._denylist = denylist
        self._refresh_sessions = refresh_sessions
        self._keys = keys
        self._events = events
        self._settings = settings
        self._ambient = ambient
        self._restoring: asyncio.Task[None] | None = None
        self._is_told = False  # that the denylist may have lost entries
        self._failure = ""  # of the last restoring

    async def end(
        self, user_id: UUID, session_ids: Iterable[str], tokens: Iterable[Claims] = (), *, why: Reason
    ) -> None:
        """End sessions of a user for good: when this returns, no instance accepts their tokens.

        Postgres first, so that a Redis that dies in between is told again; only then may success be said. The tokens
        shown at a logout are denied by their own id besides. Raises UnavailableError: the ending may not hold yet.
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
        """What Postgres remembers: the answer for whoever asks for new tokens.

        It holds for a session that an old snapshot of Redis brought back, long after its denial has lapsed.
        """
        return await self._revocations.has(session_id)

    async def delete_expired(self) -> None:
        """Drop the memory of sessions that nothing can bring back."""
        await self._revocations.delete_expired()

    async def of_user(self, user_id: UUID) -> AsyncIterator[Sequence[Revocation]]:
        """Page by page: a user may have ended any number of sessions."""
        after = ""
        while page := await self._revocations.of_user(user_id, after, PAGE):
            yield page
            after = page[-1].session_id

    async def is_revoked(self, *, session_id: str, token_id: str, key_id: str) -> bool:
        """Whether the session, the token or its key was revoked. Raises UnavailableError while nobody can tell."""
        return await self._answered(self._denylist.has(token_id, session_id, key_id))

    async def is_key_revoked(self, key_id: str) -> bool:
        """Raises UnavailableError as `is_revoked` does."""
        return await self._answered(self._denylist.denies_key(key_id))

    async def _answered(self, question: Awaitable[bool]) -> bool:
        try:
            return await question
        except ForgottenError:
            self._start_restoring()
            raise UnavailableError from None

    async def require_complete(self) -> None:
        """Raises UnavailableError (or the store's own outage) unless the denylist answers and holds everything."""
        if not await self._denylist.is_complete():
            self._start_restoring()
            raise UnavailableError

    async def run_forever(self) -> None:
        """Look every few seconds whether the denylist holds everything, for as long as the service runs.

        Also when nobody asks: what is known to be complete stays so for less than a minute without a look.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(Exception):  # whoever needs the denylist meets the same outage, and is told
                await self.require_complete()

    async def deny_killed_keys(self) -> None:
        """Deny every token of the keys that Postgres remembers as killed. Raises the store's outage."""
        try:
            await self._denylist.add({}, {}, await self._killed_keys())
        except ForgottenError:
            await self.restore()

    async def restore(self) -> None:
        """Tell Redis again what Postgres remembers, unless it is known to hold everything."""
        if not await self._denylist.is_complete():
            await self._denylist.settle()  # or what another instance acknowledges elsewhere would be missing here
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
        except Exception as error:  # noqa: BLE001 - the next request that needs the denylist starts it again
            if (failure := type(error).__name__) != self._failure:
                self._failure = failure
                log.error("denylist not restored", error=failure)
