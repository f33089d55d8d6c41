"""What the audit trail promises, in memory and on a real Postgres; and that nobody waits for it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.domain.events.audit_trail import MOST, Audit, AuditTrail, Entry, EventCount, EventCounts, Place
from service.domain.events.security_events import Event, Name, Outcome, Reason
from service.settings import AuditSettings
from service.stores import audit as store
from service.stores.audit import PostgresAuditTrail
from tests.support.builders import NOON, FakeAmbient
from tests.support.fakes import FakeAuditTrail
from tests.support.postgres import open_postgres

HOUR = timedelta(hours=1)
ADA, GRACE = UUID(int=1), UUID(int=2)


@pytest.fixture(params=["fake", "postgres"])
async def trail(request: pytest.FixtureRequest) -> AsyncIterator[AuditTrail]:
    if request.param == "fake":
        yield FakeAuditTrail()
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield PostgresAuditTrail(postgres)


def entry(number: int, **facts: object) -> Entry:
    event = Event(**({"name": Name.LOGGED_IN, "user_id": ADA} | facts))  # type: ignore[arg-type] # any of its fields
    return Entry(UUID(int=number), NOON + number * HOUR, event, f"request-{number}")


async def test_an_entry_comes_back_as_it_was(trail: AuditTrail) -> None:
    whole = entry(
        1,
        outcome=Outcome.FAILURE,
        reason=Reason.WRONG_PASSWORD,
        session_id="s",
        account="a",
        key_id="k",
        source="192.0.2.0/24",
        operator="ada@bastion",
    )
    bare = Entry(UUID(int=2), NOON, Event(Name.RESTORED, source=""))
    await trail.add([whole, bare])
    await trail.add([])
    assert list(await trail.latest(NOON - HOUR, 10)) == [whole, bare]


async def test_an_entry_that_is_written_again_is_there_once(trail: AuditTrail) -> None:
    await trail.add([entry(1)])
    await trail.add([entry(1), entry(2)])
    assert list(await trail.latest(NOON, 10)) == [entry(2), entry(1)]


async def test_pages_of_the_trail_lose_nothing_of_one_instant(trail: AuditTrail) -> None:
    at_once = [Entry(UUID(int=number), NOON, Event(Name.LOGGED_IN, user_id=ADA, source="")) for number in (1, 2, 3)]
    older = Entry(UUID(int=9), NOON - HOUR, Event(Name.LOGGED_IN, user_id=ADA, source=""))
    await trail.add([older, *reversed(at_once)])
    for read in (
        trail.latest,
        lambda *rest: trail.of_user(ADA, "", *rest),
        lambda *rest: trail.of_name(Name.LOGGED_IN, *rest),
    ):
        found: list[Entry] = []
        for _ in range(3):
            found += await read(NOON - HOUR, 2, *([Place(found[-1].at, found[-1].id)] if found else []))
        assert found == [*at_once, older]


async def test_a_user_s_events_are_theirs_and_those_about_their_address(trail: AuditTrail) -> None:
    before_sign_up = entry(1, user_id=None, account="<ada>", name=Name.LOGIN_FAILED)
    others = [entry(3, user_id=GRACE), entry(4, user_id=None), entry(5, user_id=None, account="<grace>")]
    await trail.add([before_sign_up, entry(2), *others, entry(6)])
    assert list(await trail.of_user(ADA, "<ada>", NOON, 10)) == [entry(6), entry(2), before_sign_up]
    assert list(await trail.of_user(ADA, "", NOON, 10)) == [entry(6), entry(2)]
    assert list(await trail.of_user(None, "<ada>", NOON, 10)) == [before_sign_up]
    assert list(await trail.of_user(None, "", NOON, 10)) == []


async def test_events_of_one_name_are_found_among_all(trail: AuditTrail) -> None:
    deleted = [entry(2, name=Name.USER_DELETED), entry(4, name=Name.USER_DELETED, user_id=GRACE)]
    await trail.add([entry(1), entry(3), entry(5), *deleted])
    assert list(await trail.of_name(Name.USER_DELETED, NOON, 10)) == deleted[::-1]
    assert list(await trail.of_name(Name.USER_DELETED, NOON + 3 * HOUR, 10)) == deleted[1:]
    assert list(await trail.of_name(Name.LOGGED_IN, NOON, 2)) == [entry(5), entry(3)]
    assert list(await trail.of_name(Name.USER_CREATED, NOON, 10)) == []


async def test_the_latest_are_told_within_span_and_number(trail: AuditTrail) -> None:
    await trail.add([entry(number) for number in range(1, 6)])
    assert list(await trail.latest(NOON, 2)) == [entry(5), entry(4)]
    assert list(await trail.latest(NOON + 4 * HOUR, 10)) == [entry(5), entry(4)]
    assert list(await trail.of_user(ADA, "", NOON + 4 * HOUR, 1)) == [entry(5)]


async def test_what_is_older_is_forgotten_however_much_it_is(
    trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 2)
    await trail.add([entry(number) for number in range(1, 8)])
    await trail.delete_expired(NOON + 6 * HOUR)
    assert list(await trail.latest(NOON, 10)) == [entry(7), entry(6)]


class BrokenTrail(FakeAuditTrail):
    def __init__(self) -> None:
        super().__init__()
        self.is_down = True

    async def add(self, entries: Sequence[Entry]) -> None:
        if self.is_down:
            raise ConnectionError
        await super().add(entries)


async def test_events_wait_bounded_for_a_trail_that_is_away() -> None:
    trail, ambient = BrokenTrail(), FakeAmbient()
    audit = Audit(trail, AuditSettings(), ambient)
    with capture_logs() as logged:
        for _ in range(MOST + 7):
            audit.on_event(Event(Name.LOGGED_IN))
        await audit.write()
        await audit.write()
        trail.is_down = False
        await audit.write()
    assert len(trail.rows) == MOST
    assert audit.dropped == 7
    assert [line["event"] for line in logged] == ["audit trail not written", "audit trail written again"]


async def test_the_last_events_are_written_when_the_service_stops() -> None:
    trail = FakeAuditTrail()
    audit = Audit(trail, AuditSettings(), FakeAmbient())
    audit.on_event(Event(Name.LOGGED_IN))
    await audit.close()
    assert len(trail.rows) == 1


async def test_what_strangers_can_repeat_and_each_refresh_is_not_kept() -> None:
    trail = FakeAuditTrail()
    audit = Audit(trail, AuditSettings(), FakeAmbient())
    for name in (Name.LIMITED, Name.REFUSED, Name.RENEWED, Name.USER_CREATED):
        audit.on_event(Event(name, Outcome.FAILURE))
    for name in (Name.RENEWED, Name.USER_CREATED, Name.TOKEN_REUSED):
        audit.on_event(Event(name))
    await audit.write()
    assert {one.event.name for one in trail.rows.values()} == {Name.USER_CREATED, Name.TOKEN_REUSED}


async def test_the_trail_keeps_as_long_as_the_settings_say() -> None:
    trail, ambient = FakeAuditTrail(), FakeAmbient()
    audit = Audit(trail, AuditSettings(keep=2 * HOUR), ambient)
    await trail.add([entry(1), entry(3)])
    ambient.advance(hours=4)
    await audit.delete_expired()
    assert list(trail.rows.values()) == [entry(3)]


# --- counting


async def test_events_are_counted_by_hour_name_outcome_and_reason(trail: AuditTrail) -> None:
    wrong: dict[str, Any] = {"name": Name.LOGIN_FAILED, "outcome": Outcome.FAILURE, "reason": Reason.WRONG_PASSWORD}
    late = Entry(UUID(int=90), NOON + HOUR - timedelta(microseconds=1), Event(Name.LOGGED_IN))
    await trail.add([entry(0), entry(1), late, entry(2, **wrong), Entry(UUID(int=91), NOON + 2 * HOUR, Event(**wrong))])
    await trail.add([Entry(UUID(int=92), NOON - timedelta(microseconds=1), Event(Name.LOGGED_IN))])
    found = await trail.counts(NOON, 100)
    assert found.since == NOON
    assert sorted(found.counts) == [
        EventCount("authn_login_fail", "failure", "wrong_password", 2, 2),
        EventCount("authn_login_success", "success", "", 0, 2),
        EventCount("authn_login_success", "success", "", 1, 1),
    ]


async def test_of_more_than_can_be_counted_the_newest_are(trail: AuditTrail) -> None:
    await trail.add([entry(number) for number in range(6)])
    found = await trail.counts(NOON, 2)
    assert sorted(found.counts) == [EventCount("authn_login_success", "success", "", hour, 1) for hour in (4, 5)]
    assert found.since == NOON + 4 * HOUR
    assert (await trail.counts(NOON, 7)).since == NOON
    assert await trail.counts(NOON + 9 * HOUR, 2) == EventCounts([], NOON + 9 * HOUR)
