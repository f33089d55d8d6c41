"""Cursors and deliveries of webhooks in memory, and senders that do as they are told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.webhooks.models import (
    DueDelivery,
    Endpoint,
    EndpointState,
    ListedDelivery,
    NewDelivery,
    TrailEvent,
    TrailPosition,
    Unread,
)
from service.domain.webhooks.ports import NoAnswerError

FIRST = UUID(int=0)


@dataclass
class FakeDeliveryRow:
    listed: ListedDelivery
    body: str
    can_wait: bool


@dataclass
class FakeDeliveries:
    ambient: Ambient
    rows: dict[UUID, FakeDeliveryRow] = field(default_factory=dict)
    oldest_unread: Callable[[str], timedelta] = lambda _: timedelta(0)
    failure: Exception | None = None

    def file(self, endpoint: str, new: NewDelivery) -> None:
        if any(row.listed.endpoint == endpoint and row.listed.event_id == new.event_id for row in self.rows.values()):
            return
        now = self.ambient.now()
        listed = ListedDelivery(
            id=new.id,
            endpoint=endpoint,
            event_id=new.event_id,
            type=new.type,
            created_at=now,
            due_at=now,
            attempts=0,
            delivered_at=None,
            failed_at=None,
            last_reply="",
        )
        self.rows[new.id] = FakeDeliveryRow(listed, new.body, new.can_wait)

    def due(self, endpoint: str) -> list[FakeDeliveryRow]:
        found = [row for row in self._waiting(endpoint) if row.listed.due_at <= self.ambient.now()]
        return sorted(found, key=lambda row: (row.can_wait, row.listed.due_at))

    async def claim(self, endpoint: str, limit: int, lease: timedelta) -> Sequence[DueDelivery]:
        if self.failure:
            raise self.failure
        claimed = []
        for row in self.due(endpoint)[:limit]:
            was = row.listed
            row.listed = replace(was, due_at=self.ambient.now() + lease, attempts=was.attempts + 1)
            claimed.append(
                DueDelivery(
                    id=was.id, event_id=was.event_id, type=was.type, body=row.body, attempts=row.listed.attempts
                )
            )
        return claimed

    async def deliver(self, delivery_id: UUID, reply: str) -> None:
        if (row := self.rows.get(delivery_id)) and not row.listed.delivered_at:
            row.listed = replace(row.listed, delivered_at=self.ambient.now(), failed_at=None, last_reply=reply[:200])

    async def postpone(self, delivery_id: UUID, pause: timedelta, reply: str) -> None:
        if row := self._open(delivery_id):
            row.listed = replace(row.listed, due_at=self.ambient.now() + pause, last_reply=reply[:200])

    async def give_up(self, delivery_id: UUID, reply: str) -> None:
        if row := self._open(delivery_id):
            row.listed = replace(row.listed, failed_at=self.ambient.now(), last_reply=reply[:200])

    async def listed(
        self, limit: int, *, endpoint: str = "", after: UUID | None = None, only_failed: bool = False
    ) -> Sequence[ListedDelivery]:
        found = sorted((row.listed for row in self.rows.values()), key=lambda one: (one.created_at, one.id))[::-1]
        if after and (last := self.rows.get(after)):
            place = (last.listed.created_at, after)
            found = [one for one in found if (one.created_at, one.id) < place]
        found = [one for one in found if endpoint in ("", one.endpoint) and (one.failed_at or not only_failed)]
        return found[:limit]

    async def retry(self, delivery_id: UUID) -> bool:
        row = self.rows.get(delivery_id)
        if row is None:
            return False
        row.listed = replace(row.listed, due_at=self.ambient.now(), attempts=0, delivered_at=None, failed_at=None)
        return True

    async def retry_failed(self, endpoint: str) -> int:
        failed = [row for row in self.rows.values() if row.listed.endpoint == endpoint and row.listed.failed_at]
        for row in failed:
            await self.retry(row.listed.id)
        return len(failed)

    async def state(self, endpoints: Sequence[str]) -> Sequence[EndpointState]:
        return [self._state(name) for name in sorted(endpoints)]

    async def delete_expired(self, after: timedelta, endpoints: Sequence[str]) -> None:
        before = self.ambient.now() - after

        def is_over(one: ListedDelivery) -> bool:
            if one.delivered_at or one.failed_at:
                return one.created_at < before
            return one.endpoint not in endpoints and one.due_at < before

        self.rows = {key: row for key, row in self.rows.items() if not is_over(row.listed)}

    def _state(self, name: str) -> EndpointState:
        now = self.ambient.now()
        failed = sorted(
            (row.listed for row in self.rows.values() if row.listed.endpoint == name and row.listed.failed_at),
            key=lambda one: one.created_at,
        )
        ages = [now - row.listed.created_at for row in self._waiting(name)]
        return EndpointState(
            endpoint=name,
            waiting=len(ages),
            oldest=max([*ages, self.oldest_unread(name)]),
            failed=len(failed),
            last_reply=failed[-1].last_reply if failed else "",
        )

    def _waiting(self, endpoint: str) -> list[FakeDeliveryRow]:
        return [row for row in self.rows.values() if row.listed.endpoint == endpoint and self._open(row.listed.id)]

    def _open(self, delivery_id: UUID) -> FakeDeliveryRow | None:
        row = self.rows.get(delivery_id)
        return row if row and not row.listed.delivered_at and not row.listed.failed_at else None


@dataclass
class FakeCursors:
    """`trail`: the events of the audit trail; each is a transaction of its own, and settled from the first."""

    deliveries: FakeDeliveries
    trail: list[TrailEvent] = field(default_factory=list)
    places: dict[str, TrailPosition] = field(default_factory=dict)
    of_other_history: bool = False

    def enter(self, event: TrailEvent) -> TrailEvent:
        entered = replace(event, position=TrailPosition(len(self.trail) + 1, event.position.event_id))
        self.trail.append(entered)
        return entered

    async def begin(self, endpoints: Sequence[str]) -> None:
        for name in endpoints:
            self.places.setdefault(name, TrailPosition(len(self.trail) + 1, FIRST))

    async def unread(self, endpoints: Sequence[str], limit: int) -> Sequence[Unread]:
        return [
            Unread(
                endpoint=name,
                position=self.places[name],
                events=[one for one in self.trail if one.position > self.places[name]][:limit],
                has_due=bool(self.deliveries.due(name)),
                is_of_other_history=self.of_other_history,
            )
            for name in sorted(endpoints)
            if name in self.places
        ]

    async def advance(self, unread: Unread, to: TrailPosition, deliveries: Sequence[NewDelivery]) -> None:
        if self.places[unread.endpoint] == unread.position:
            self.places[unread.endpoint] = to
            for one in deliveries:
                self.deliveries.file(unread.endpoint, one)

    async def renumber(self) -> None:
        self.of_other_history = False


@dataclass
class FakeSender:
    """`answers`: by the endpoint's name, a status, an exception, or what never comes (None); 204 for all others."""

    answers: dict[str, int | Exception | None] = field(default_factory=dict)
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> int:
        self.sent.append((endpoint.name, headers, body))
        answer = self.answers.get(endpoint.name, 204)
        if answer is None:
            await asyncio.Event().wait()
            raise NoAnswerError("never")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def to(self, name: str) -> list[bytes]:
        return [body for one, _, body in self.sent if one == name]
