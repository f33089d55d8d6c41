"""Cursors and deliveries of webhooks: the fake and the tables keep the same promises."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.ambient import Ambient
from service.domain.events.audit_trail import Entry
from service.domain.events.security_events import Event, Name
from service.domain.webhooks.models import DeliveryStatus, NewDelivery, TrailEvent, TrailPosition, Unread
from service.domain.webhooks.ports import DeliveryStore, TrailCursors
from service.embedded import Stores
from service.stores.audit import PostgresAuditTrail
from service.stores.postgres import Postgres
from service.stores.webhook_cursors import PostgresTrailCursors
from service.stores.webhook_deliveries import PostgresWebhookDeliveries
from tests.conftest import real_settings
from tests.support.builders import FakeAmbient
from tests.support.fake_webhooks import FakeCursors, FakeDeliveries

ADA = UUID("5c1f9c1e-0000-4000-8000-000000000001")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = "UPDATE webhook_deliveries SET created_at = created_at - $1::interval, due_at = due_at - $1::interval"


@dataclass
class Ground:
    cursors: TrailCursors
    deliveries: DeliveryStore
    connection: "asyncpg.Connection[asyncpg.Record] | None" = None
    ambient: FakeAmbient | None = None
    postgres: Postgres | None = None

    async def happens(self, name: Name = Name.USER_CREATED) -> UUID:
        event_id = uuid4()
        if self.postgres:
            event = Event(name, user_id=ADA, session_id="s1", source="")
            await PostgresAuditTrail(self.postgres).add([Entry(event_id, Ambient().now(), event)])
        else:
            assert isinstance(self.cursors, FakeCursors)
            self.cursors.enter(trail_event(event_id, name))
        return event_id

    async def pass_time(self, span: timedelta) -> None:
        if self.connection:
            await self.connection.execute(LATER, span)
        else:
            assert self.ambient
            self.ambient.advance(seconds=span.total_seconds())

    async def unread(self, name: str = "crm", limit: int = 10) -> Unread:
        (unread,) = await self.cursors.unread([name], limit)
        return unread

    async def file(self, count: int = 1, name: str = "crm") -> list[NewDelivery]:
        """Deliveries of events that happened."""
        await self.cursors.begin([name])
        for _ in range(count):
            await self.happens()
        unread = await self.unread(name, count)
        new = [new_delivery(one.position.event_id) for one in unread.events]
        await self.cursors.advance(unread, unread.events[-1].position, new)
        return new

    async def only(self) -> Any:
        (one,) = await self.deliveries.listed(10)
        return one


def trail_event(event_id: UUID, name: Name) -> TrailEvent:
    return TrailEvent(
        position=TrailPosition(0, event_id),
        at=Ambient().now(),
        name=name.value,
        outcome="success",
        reason="",
        user_id=ADA,
        session_id="s1",
        key_id="",
    )


def new_delivery(event_id: UUID) -> NewDelivery:
    return NewDelivery(id=uuid4(), event_id=event_id, type="user.created", body=json.dumps({"type": "user.created"}))


@pytest.fixture
async def postgres(embedded: Stores, database: object) -> AsyncIterator[Postgres]:
    postgres = Postgres(real_settings(embedded).database)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
async def real(postgres: Postgres, database: "asyncpg.Connection[asyncpg.Record]") -> Ground:
    return Ground(PostgresTrailCursors(postgres), PostgresWebhookDeliveries(postgres), database, postgres=postgres)


@pytest.fixture(params=["fake", "postgres"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "postgres":
        found: Ground = request.getfixturevalue("real")
        return found
    ambient = FakeAmbient()
    deliveries = FakeDeliveries(ambient)
    return Ground(FakeCursors(deliveries), deliveries, ambient=ambient)


# --- cursors


async def test_an_endpoint_begins_at_the_end_of_the_trail_and_keeps_its_place(ground: Ground) -> None:
    await ground.happens()
    await ground.cursors.begin(["crm"])
    assert (await ground.unread()).events == []
    event_id = await ground.happens()
    await ground.cursors.begin(["crm", "new"])
    (event,) = (await ground.unread()).events
    assert event.position.event_id == event_id
    assert (event.name, event.outcome, event.user_id, event.session_id) == ("user_created", "success", ADA, "s1")
    assert (await ground.unread("new")).events == []


async def test_what_can_wait_is_overtaken_by_all_that_is_due(ground: Ground) -> None:
    """However many of those were filed before."""
    await ground.cursors.begin(["crm"])
    for _ in range(4):
        await ground.happens()
    unread = await ground.unread(limit=4)
    waiting, other = unread.events[:3], unread.events[3]
    new = [replace(new_delivery(one.position.event_id), can_wait=True) for one in waiting]
    await ground.cursors.advance(unread, waiting[-1].position, new)
    late = new_delivery(other.position.event_id)
    await ground.cursors.advance(await ground.unread(), other.position, [late])
    first = await ground.deliveries.claim("crm", 2, timedelta(hours=1))
    assert first[0].id == late.id
    assert first[1].id in {one.id for one in new}
    await ground.deliveries.postpone(late.id, timedelta(0), "503")
    assert [one.id for one in await ground.deliveries.claim("crm", 1, timedelta(hours=1))] == [late.id]
    assert len(await ground.deliveries.claim("crm", 9, timedelta(hours=1))) == 2


async def test_who_has_no_place_has_nothing_to_read(ground: Ground) -> None:
    assert await ground.cursors.unread(["crm"], 10) == []


async def test_the_trail_is_read_in_order_and_in_pages(ground: Ground) -> None:
    await ground.cursors.begin(["crm"])
    happened = [await ground.happens() for _ in range(5)]
    read: list[UUID] = []
    while (unread := await ground.unread(limit=2)).events:
        read += [event.position.event_id for event in unread.events]
        await ground.cursors.advance(unread, unread.events[-1].position, [])
    assert read == happened
    assert (await ground.unread()).position.event_id == happened[-1]


async def test_of_two_who_read_the_same_one_files(ground: Ground) -> None:
    await ground.cursors.begin(["crm"])
    event_id = await ground.happens()
    readers = await asyncio.gather(*(ground.unread() for _ in range(5)))
    await asyncio.gather(
        *(ground.cursors.advance(one, one.events[-1].position, [new_delivery(event_id)]) for one in readers)
    )
    assert len(await ground.deliveries.listed(10)) == 1
    assert (await ground.unread()).events == []


async def test_a_slow_reader_moves_no_place_back(ground: Ground) -> None:
    await ground.cursors.begin(["crm"])
    await ground.happens()
    slow = await ground.unread()
    await ground.happens()
    quick = await ground.unread()
    await ground.cursors.advance(quick, quick.events[-1].position, [])
    await ground.cursors.advance(slow, slow.events[-1].position, [new_delivery(slow.events[0].position.event_id)])
    assert (await ground.unread()).events == []
    assert await ground.deliveries.listed(10) == []


async def test_each_endpoint_has_a_place_of_its_own(ground: Ground) -> None:
    await ground.cursors.begin(["crm"])
    await ground.file(name="crm")
    assert not (await ground.unread("crm")).events
    await ground.cursors.begin(["billing"])
    await ground.happens()
    both = await ground.cursors.unread(["billing", "crm", "unknown"], 10)
    assert [(one.endpoint, len(one.events)) for one in both] == [("billing", 1), ("crm", 1)]


async def test_who_has_something_due_is_told(ground: Ground) -> None:
    await ground.file()
    assert (await ground.unread()).has_due
    await ground.deliveries.claim("crm", 1, MINUTE)
    assert not (await ground.unread()).has_due


# --- deliveries


async def test_what_is_claimed_is_nobody_else_s_until_its_lease_is_over(ground: Ground) -> None:
    filed = await ground.file(3)
    first = await ground.deliveries.claim("crm", 2, MINUTE)
    second = await ground.deliveries.claim("crm", 2, MINUTE)
    assert len(first) == 2
    assert sorted(one.id for one in (*first, *second)) == sorted(one.id for one in filed)
    assert await ground.deliveries.claim("crm", 2, MINUTE) == []
    await ground.pass_time(2 * MINUTE)
    again = await ground.deliveries.claim("crm", 5, MINUTE)
    assert [one.attempts for one in again] == [2, 2, 2]
    assert {(one.event_id, one.type, one.body) for one in again} == {
        (one.event_id, one.type, one.body) for one in filed
    }


async def test_another_endpoint_s_deliveries_are_not_claimed(ground: Ground) -> None:
    await ground.file()
    assert await ground.deliveries.claim("billing", 5, MINUTE) == []


async def test_what_was_made_is_never_due_again(ground: Ground) -> None:
    (new,) = await ground.file()
    await ground.deliveries.claim("crm", 1, MINUTE)
    await ground.deliveries.deliver(new.id, "204")
    await ground.deliveries.postpone(new.id, MINUTE, "late")
    await ground.deliveries.give_up(new.id, "late")
    await ground.pass_time(DAY)
    assert await ground.deliveries.claim("crm", 1, MINUTE) == []
    one = await ground.only()
    assert (one.status, one.attempts, one.last_reply) == (DeliveryStatus.DELIVERED, 1, "204")
    assert one.delivered_at


async def test_what_was_put_off_is_due_after_the_pause(ground: Ground) -> None:
    (new,) = await ground.file()
    await ground.deliveries.claim("crm", 1, MINUTE)
    await ground.deliveries.postpone(new.id, HOUR, "5" * 1_000)
    await ground.pass_time(HOUR - MINUTE)
    assert await ground.deliveries.claim("crm", 1, MINUTE) == []
    await ground.pass_time(2 * MINUTE)
    (again,) = await ground.deliveries.claim("crm", 1, MINUTE)
    assert again.attempts == 2
    assert (await ground.only()).last_reply == "5" * 200


async def test_what_was_given_up_is_kept_and_can_be_tried_again(ground: Ground) -> None:
    first, second = await ground.file(2)
    for one in (first, second):
        await ground.deliveries.claim("crm", 2, MINUTE)
        await ground.deliveries.give_up(one.id, "503")
    await ground.pass_time(HOUR)
    assert await ground.deliveries.claim("crm", 2, MINUTE) == []
    assert {one.status for one in await ground.deliveries.listed(5, only_failed=True)} == {DeliveryStatus.FAILED}
    assert await ground.deliveries.retry(first.id)
    (again,) = await ground.deliveries.claim("crm", 2, MINUTE)
    assert (again.id, again.attempts) == (first.id, 1)
    assert await ground.deliveries.retry_failed("crm") == 1
    assert await ground.deliveries.retry_failed("crm") == 0
    assert not await ground.deliveries.retry(uuid4())


async def test_what_was_made_can_be_made_again(ground: Ground) -> None:
    (new,) = await ground.file()
    await ground.deliveries.deliver(new.id, "204")
    assert await ground.deliveries.retry(new.id)
    assert [one.id for one in await ground.deliveries.claim("crm", 1, MINUTE)] == [new.id]


async def test_deliveries_are_listed_page_by_page_the_newest_first(ground: Ground) -> None:
    filed = []
    for name in ("crm", "billing", "crm"):
        filed += await ground.file(2, name)
        await ground.pass_time(MINUTE)
    read: list[UUID] = []
    after: UUID | None = None
    while page := await ground.deliveries.listed(2, after=after):
        read += [one.id for one in page]
        after = page[-1].id
    assert set(read[:2]) == {one.id for one in filed[4:]}
    assert set(read[2:4]) == {one.id for one in filed[2:4]}
    assert len(set(read)) == len(read) == 6
    assert {one.endpoint for one in await ground.deliveries.listed(9, endpoint="billing")} == {"billing"}
    assert len(await ground.deliveries.listed(9, endpoint="billing")) == 2


async def test_the_state_tells_what_waits_and_what_failed(ground: Ground) -> None:
    filed = await ground.file(3)
    await ground.deliveries.give_up(filed[0].id, "503")
    await ground.deliveries.deliver(filed[1].id, "204")
    await ground.pass_time(HOUR)
    (state,) = await ground.deliveries.state(["crm"])
    assert (state.endpoint, state.waiting, state.failed, state.last_reply) == ("crm", 1, 1, "503")
    assert HOUR <= state.oldest < HOUR + MINUTE


async def test_what_is_done_is_forgotten_and_what_waits_is_not(ground: Ground) -> None:
    made, failed, waiting = await ground.file(3)
    await ground.file(1, "gone")
    await ground.deliveries.deliver(made.id, "204")
    await ground.deliveries.give_up(failed.id, "503")
    await ground.deliveries.delete_expired(DAY, ["crm"])
    assert len(await ground.deliveries.listed(9)) == 4
    await ground.pass_time(2 * DAY)
    await ground.deliveries.delete_expired(DAY, ["crm", "gone"])
    assert {one.endpoint for one in await ground.deliveries.listed(9)} == {"crm", "gone"}
    await ground.deliveries.delete_expired(DAY, ["crm"])
    assert [one.id for one in await ground.deliveries.listed(9)] == [waiting.id]


# --- of Postgres alone


async def test_an_event_that_is_committed_late_is_not_passed_over(embedded: Stores, real: Ground) -> None:
    """It has a lower number than the one that is committed before it."""
    await real.cursors.begin(["crm"])
    slow = await asyncpg.connect(embedded.postgres.url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(ENTER, first := uuid4())
        second = await real.happens()
        assert (await real.unread()).events == []
        assert (await real.deliveries.state(["crm"]))[0].oldest >= timedelta(0)
        await transaction.commit()
    finally:
        await slow.close()
    assert [one.position.event_id for one in (await real.unread()).events] == [first, second]


async def test_the_age_of_what_was_not_even_filed_counts(real: Ground) -> None:
    await real.cursors.begin(["crm"])
    await real.happens()
    assert real.connection
    await real.connection.execute("UPDATE audit_events SET at = at - interval '1 hour'")
    (state,) = await real.deliveries.state(["crm"])
    assert (state.waiting, state.oldest >= HOUR) == (0, True)


async def test_events_of_before_have_no_place(real: Ground) -> None:
    """Those that were there at the migration."""
    assert real.connection
    await real.cursors.begin(["crm"])
    await real.connection.execute(ENTER, uuid4())
    await real.connection.execute("UPDATE audit_events SET entered_by = NULL")
    await real.connection.execute("UPDATE webhook_cursors SET place = '1'")
    assert (await real.unread()).events == []


@pytest.mark.parametrize("ahead", [10**9, -(10**9)], ids=["that was behind", "that was ahead"])
async def test_after_a_restore_into_another_server_nothing_is_left_out_or_filed_twice(real: Ground, ahead: int) -> None:
    """Its numbers say nothing of those that the trail and the cursors have from the first."""
    assert real.connection
    await real.file(2)
    await real.connection.execute("UPDATE audit_events SET at = at - interval '3 days'")  # and sent long ago
    unread = await real.happens()
    for change in (MOVE_EVENTS, MOVE_CURSORS):
        await real.connection.execute(change, ahead)
    after = await real.happens()
    assert (await real.unread()).is_of_other_history
    await real.cursors.renumber()
    found = await real.unread()
    assert not found.is_of_other_history
    ids = [one.position.event_id for one in found.events]
    assert {unread, after} <= set(ids)
    await real.cursors.advance(found, found.events[-1].position, [new_delivery(one) for one in ids])
    listed = await real.deliveries.listed(9)
    assert len(listed) == len({one.event_id for one in listed}) == 4
    assert (await real.unread()).events == []
    (state,) = await real.deliveries.state(["crm"])
    assert state.oldest < HOUR


MOVE_EVENTS = "UPDATE audit_events SET entered_by = greatest(entered_by::text::bigint + $1, 3)::text::xid8"
MOVE_CURSORS = """
    UPDATE webhook_cursors SET system = 'another', place = greatest(place::text::bigint + $1, 3)::text::xid8
"""
ENTER = """
    INSERT INTO audit_events (id, at, name, outcome, reason, user_id, account, session_id, key_id, source, request_id)
    VALUES ($1, now(), 'user_created', 'success', '', NULL, '', '', '', '', '')
"""
