"""Ends all sessions of a user after an account change, even if the instance that started it crashes."""

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

LOOK_EVERY = 1.0  # seconds between two checks for overdue revocations
CLOCKS_DIFFER = timedelta(seconds=5)  # at most, between Postgres and the instances that open sessions
log = structlog.get_logger(__name__)


class UserRevocation:
    """The account change writes its pending revocation in the same SQL statement, so both happen or neither.

    The sessions are looked up after that: a concurrent login is either found here, or sees the changed account.
    """

    def __init__(
        self,
        pending: PendingRevocations,
        refresh_sessions: RefreshSessions,
        revocation: SessionRevocation,
        ambient: Ambient,
        outages: tuple[type[Exception], ...],
    ) -> None:
        """`outages`: exceptions that stores raise during a temporary outage."""
        self._pending = pending
        self._refresh_sessions = refresh_sessions
        self._revocation = revocation
        self._ambient = ambient
        self._outages: tuple[type[Exception], ...] = (*outages, UnavailableError)
        self._failure = ""  # error of the last check

    def of(
        self, user_id: UUID, why: Reason, kept_session: str = "", password_changed_at: datetime | None = None
    ) -> PendingRevocation:
        """To be stored in the same statement as the account change."""
        return PendingRevocation(self._ambient.new_uuid(), user_id, why, kept_session, password_changed_at)

    async def end(
        self, user_id: UUID, why: Reason, kept_session: str = "", password_changed_at: datetime | None = None
    ) -> int:
        """End the sessions without an account change; returns how many. Raises as `finish` does."""
        ending = self.of(user_id, why, kept_session, password_changed_at)
        await self._pending.add(ending)
        return await self.finish(ending)

    async def finish(self, ending: PendingRevocation, named: str = "") -> int:
        """End the sessions, always including `named`; returns how many. Sessions opened later are kept.

        Raises UnavailableError or a store's outage: some instance then retries within some seconds.
        """
        changed = ending.password_changed_at  # if set, it tells newer sessions without comparing clocks
        before = ending.asked_at + CLOCKS_DIFFER if ending.asked_at and not changed else None
        found = await self._refresh_sessions.ids_of(ending.user_id, before, changed)
        ids = {*found, named} - {ending.kept_session, ""}
        await self._revocation.end(ending.user_id, ids, why=Reason(ending.reason))
        await self._pending.remove(ending.id)
        return len(ids)

    async def finish_overdue(self) -> None:
        """Finish overdue revocations. Raises as `finish` does; the remaining ones are retried later."""
        for ending in await self._pending.take_over():
            await self.finish(ending)
            log.warning("sessions ended that another instance had left", user_id=str(ending.user_id))

    async def run_forever(self) -> None:
        """Finish overdue revocations for as long as the service runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.finish_overdue()
                self._failure = ""
            except self._outages as error:
                if not self._failure:  # one outage may raise several kinds of errors
                    self._failure = type(error).__name__
                    log.warning("pending endings wait for the stores", error=self._failure)
            except Exception as error:  # noqa: BLE001 - retried in some seconds
                if (failure := type(error).__name__) != self._failure:
                    self._failure = failure
                    log.error("pending endings not finished", error=failure)
