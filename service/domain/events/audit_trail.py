"""The audit trail: security events kept for months, written in the background."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.events.security_events import UNBOUNDED, Event, Name, Outcome
from service.settings import AuditSettings

MOST = 10_000  # entries queued for Postgres; some 5 MB
BATCH = 500
EVERY = 1.0  # seconds between two batches
PATIENCE = timedelta(seconds=5)  # timeout of the last batches at shutdown
AGAIN = 0.2  # seconds between two tries of them
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    id: UUID
    at: datetime
    event: Event
    request_id: str = ""


class Place(NamedTuple):
    """Of an entry in the order of the trail: the newest first, those of one instant by their ids."""

    at: datetime
    id: UUID


class EventCount(NamedTuple):
    """Of an hour, counted from the beginning of the time that was asked for."""

    name: str  # may be of a newer version of the service
    outcome: str
    reason: str
    hour: int
    number: int


class EventCounts(NamedTuple):
    counts: Sequence[EventCount]
    since: datetime  # later than asked for where there was more than could be counted


BEGINNING = Place(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=0))


class AuditTrail(Protocol):
    async def add(self, entries: Sequence[Entry]) -> None:
        """Store the entries; those stored already are unchanged."""

    async def latest(self, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        """The newest first, behind this place."""

    async def of_name(self, name: Name, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        """As `latest`, the events of one name."""

    async def of_user(
        self, user_id: UUID | None, account: str, since: datetime, limit: int, behind: Place = BEGINNING
    ) -> Sequence[Entry]:
        """As `latest`, the events of a user, and of login attempts at their address (`account`)."""

    async def counts(self, since: datetime, most: int) -> EventCounts:
        """How many there were in each hour, of the newest `most`."""

    async def delete_expired(self, before: datetime) -> None:
        """Delete entries older than `before`."""


def is_kept(event: Event) -> bool:
    """Excludes refreshes and failures that outsiders can repeat at any rate: they could fill the table."""
    return event.name is not Name.RENEWED and not (event.name in UNBOUNDED and event.outcome is Outcome.FAILURE)


class Audit:
    """An event sink. It fails open: entries beyond MOST during a Postgres outage are dropped and counted."""

    def __init__(self, trail: AuditTrail, settings: AuditSettings, ambient: Ambient) -> None:
        self.trail = trail
        self.dropped = 0  # entries, since process start
        self._settings = settings
        self._ambient = ambient
        self._waiting: list[Entry] = []
        self._is_failing = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def on_event(self, event: Event) -> None:
        if event.is_stored or not is_kept(event):
            return
        if len(self._waiting) >= MOST:
            self.dropped += 1
            return
        self._waiting.append(self._entry(event))

    def entry(self, event: Event) -> Entry | None:
        """To be stored together with what it tells of; None where no trail is kept."""
        return self._entry(event) if self._settings.enabled else None

    def _entry(self, event: Event) -> Entry:
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        return Entry(self._ambient.new_uuid(), self._ambient.now(), event, request_id)

    async def run_forever(self) -> None:
        """Write queued entries once a second, for as long as the service runs."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """Write queued entries. On failure they stay queued; the first failure is logged."""
        while batch := self._waiting[:BATCH]:
            try:
                await self.trail.add(batch)
            except Exception as error:  # noqa: BLE001 - no request depends on the trail, and it is retried
                if not self._is_failing:
                    self._is_failing = True
                    log.warning("audit trail not written", error=type(error).__name__)
                return
            del self._waiting[: len(batch)]
            if self._is_failing:
                self._is_failing = False
                log.warning("audit trail written again", dropped=self.dropped)

    async def close(self) -> None:
        """Last writes, with a timeout for all of them: a busy store may refuse the first one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self.write()
                while self._waiting:
                    await asyncio.sleep(AGAIN)
                    await self.write()
        if self._waiting:
            log.error("audit trail incomplete", lost=len(self._waiting))

    async def delete_expired(self) -> None:
        await self.trail.delete_expired(self._ambient.now() - self._settings.keep)
