"""What the memory of endings promises to the feed: a place in commit order, that nothing can slip in behind."""

from datetime import timedelta

import asyncpg

from service.domain.resource_servers.models import FeedPosition
from service.domain.resource_servers.ports import RevocationStore
from service.domain.sessions.models import EndedSession
from service.embedded import Stores
from service.stores.revocations import PostgresRevocations
from tests.contract.conftest import Memory
from tests.support.builders import FakeAmbient
from tests.support.postgres import open_postgres

HOUR = timedelta(hours=1)
SLACK = timedelta(minutes=5)
START = FeedPosition(0)
MANY = 1000
INSERT = """
    INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
    VALUES ($1, gen_random_uuid(), now() + interval '1 hour', now() + interval '1 day')
"""


async def end(revocations: RevocationStore, *names: str, denied_for: timedelta = HOUR) -> None:
    await revocations.add([EndedSession(name, FakeAmbient().new_uuid()) for name in names], denied_for, 24 * HOUR)


async def names_after(
    revocations: RevocationStore, place: FeedPosition, limit: int = MANY
) -> tuple[list[str], FeedPosition]:
    passage = await revocations.after(place, limit)
    return [here.session_id for here, _ in passage.entries], passage.watermark


async def test_an_empty_memory_has_a_place_to_go_on_from(revocations: RevocationStore) -> None:
    found, watermark = await names_after(revocations, START)
    assert found == []
    assert watermark > START
    await end(revocations, "one")
    assert (await names_after(revocations, watermark))[0] == ["one"]


async def test_what_was_seen_is_not_told_again_once_it_is_settled(revocations: RevocationStore) -> None:
    await end(revocations, "one", "two")
    found, watermark = await names_after(revocations, START)
    assert found == ["one", "two"]
    await end(revocations, "three")
    found, watermark = await names_after(revocations, watermark)
    assert found == ["three"]
    assert (await names_after(revocations, watermark))[0] == []


async def test_an_ending_is_told_with_its_time_until_no_token_can_be_alive(memory: Memory) -> None:
    await end(memory.revocations, "long", denied_for=2 * HOUR)
    await end(memory.revocations, "short")
    entries = (await memory.revocations.after(START, MANY)).entries
    until = {place.session_id: until for place, until in entries}
    assert HOUR - SLACK < until["long"] - until["short"] < HOUR + SLACK
    await memory.advance(HOUR)
    assert (await names_after(memory.revocations, START))[0] == ["long"]


async def test_a_list_in_pieces_goes_on_where_it_stopped(revocations: RevocationStore) -> None:
    for name in ("a", "b", "c"):
        await end(revocations, *(name + part for part in ("3", "1", "2")))
    seen: list[str] = []
    place = START
    while entries := (await revocations.after(place, 2)).entries:
        assert len(entries) <= 2
        seen += [here.session_id for here, _ in entries]
        place = entries[-1][0]
    assert seen == ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"]


async def test_lapsed_denials_are_passed_over_however_many_and_wherever_they_stand(
    revocations: RevocationStore,
) -> None:
    lapsed, over = (f"lapsed {number}" for number in range(100)), timedelta(0)
    for name in ("a", "b", "c"):
        await end(revocations, *(next(lapsed) for _ in range(7)), denied_for=over)
        await end(revocations, name)
        await end(revocations, next(lapsed), denied_for=over)
        await end(revocations, name * 2)
    await end(revocations, *(next(lapsed) for _ in range(7)), denied_for=over)
    for limit in (1, 2, 3, MANY):
        seen: list[str] = []
        place = START
        while len(entries := (await revocations.after(place, limit)).entries) == limit:
            seen += [here.session_id for here, _ in entries]
            place = entries[-1][0]
        seen += [here.session_id for here, _ in entries]
        assert seen == ["a", "aa", "b", "bb", "c", "cc"], limit


async def test_a_row_that_is_committed_late_is_never_passed_by(
    embedded: Stores, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with open_postgres(embedded) as postgres:
        revocations = PostgresRevocations(postgres)
        slow = database.transaction()
        await slow.start()
        await database.execute(INSERT, "late")
        await end(revocations, "quick")  # begins later, commits earlier
        found, watermark = await names_after(revocations, START)
        assert found == ["quick"]
        found, watermark = await names_after(revocations, watermark)
        assert found == ["quick"]  # told again: while the slow one is open, nothing behind it is settled
        await slow.commit()
        found, watermark = await names_after(revocations, watermark)
        assert found == ["late", "quick"]
        assert (await names_after(revocations, watermark))[0] == []
