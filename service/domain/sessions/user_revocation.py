"""Ending every session of a user because the account changed, also when the instance at it dies half-way."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.events.security_events import Reason
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.ports import PendingRevocations, RefreshSessions
from service.domain.sessions.revocation import SessionRevocation
from service.errors import UnavailableError

LOOK_EVERY = 1.0  # seconds between two looks for endings that nobody has finished
CLOCKS_DIFFER = timedelta(seconds=5)  # at most: that of Postgres from those of the instances that open sessions
log = structlog.get_logger(__name__)


class UserRevocation:
    """The change of an account enters its ending in Postgres in the same statement, so neither is there alone.

    The sessions are looked up after that: a login either is found by this look, or finds the account changed.
    """

    def __init__(
        self,
        pending: PendingRevocations,
        refresh_sessions: RefreshSessions,
        revocation: SessionRevocation,
        ambient: Ambient,
        outages: tuple[type[Exception], ...],
    ) -> None:
        """`outages`: what stores raise while they are away, which passes by itself."""
        self._pending = pending
        self._refresh_sessions = refresh_sessions
        self._revocation = revocation
        self._ambient = ambient
        self._outages: tuple[type[Exception], ...] = (*outages, UnavailableError)
        self._failure = ""  # of the last look

    def of(
        self, user_id: UUID, why: Reason, kept_session: str = "", password_changed_at: datetime | None = None
    ) -> PendingRevocation:
        """To be entered together with the change that it belongs to."""
        return PendingRevocation(self._ambient.new_uuid(), user_id, why, kept_session, password_changed_at)

    async def end(
        self, user_id: UUID, why: Reason, kept_session: str = "", password_changed_at: datetime | None = None
    ) -> int:
        """End the sessions without a change of the account; how many. Raises as `finish` does."""
        ending = self.of(user_id, why, kept_session, password_changed_at)
        await self._pending.add(ending)
        return await self.finish(ending)

    async def finish(self, ending: PendingRevocation, named: str = "") -> int:
        """End the sessions, one that is `named` in any case; how many. Those that were opened later are left alone.

        Raises UnavailableError or a store's outage: then an instance goes on with it within some seconds.
        """
        changed = ending.password_changed_at  # by it no clock has to tell which sessions are newer
        before = ending.asked_at + CLOCKS_DIFFER if ending.asked_at and not changed else None
        found = await self._refresh_sessions.ids_of(ending.user_id, before, changed)
        ids = {*found, named} - {ending.kept_session, ""}
        await self._revocation.end(ending.user_id, ids, why=Reason(ending.reason))
        await self._pending.remove(ending.id)
        return len(ids)

    async def finish_overdue(self) -> None:
        """What an instance has left unfinished. Raises as `finish` does; what is left is taken over again later."""
        for ending in await self._pending.take_over():
            await self.finish(ending)
            log.warning("sessions ended that another instance had left", user_id=str(ending.user_id))

    async def run_forever(self) -> None:
        """Look for what was left, for as long as the service runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.finish_overdue()
                self._failure = ""
            except self._outages as error:
                if not self._failure:  # one outage may be told in several errors
                    self._failure = type(error).__name__
                    log.warning("pending endings wait for the stores", error=self._failure)
            except Exception as error:  # noqa: BLE001 - it is taken over again in some seconds
                if (failure := type(error).__name__) != self._failure:
                    self._failure = failure
                    log.error("pending endings not finished", error=failure)
