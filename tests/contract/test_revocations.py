"""What the durable memory of endings promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import asyncpg
import pytest

from service.domain.sessions.models import EndedSession
from service.domain.sessions.ports import Revocations
from service.embedded import Stores
from service.stores import revocations as store
from service.stores.revocations import PostgresRevocations
from tests.contract.conftest import Memory
from tests.support.builders import FakeAmbient
from tests.support.postgres import open_postgres
from tests.support.waiting import until

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SLACK = timedelta(minutes=5)  # between two looks at a clock that nobody can stop
TURNED_AWAY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tokenhouse' AND query = 'COMMIT;'"


def ended(name: str) -> EndedSession:
    return EndedSession(name, FakeAmbient().new_uuid())


async def end(
    revocations: Revocations, *sessions: EndedSession, token_life: timedelta = HOUR, session_life: timedelta = DAY
) -> timedelta:
    return await revocations.add(sessions, token_life, session_life)


async def recalled(revocations: Revocations) -> Mapping[str, timedelta]:
    async with revocations.recall() as remembered:
        return await remembered()


async def test_what_was_revoked_is_recalled_with_what_is_left_of_its_denial(memory: Memory) -> None:
    assert HOUR - SLACK < await end(memory.revocations, ended("one"), ended("two")) <= HOUR
    await end(memory.revocations)
    await memory.advance(HOUR / 2)
    await end(memory.revocations, ended("three"))
    left = await recalled(memory.revocations)
    assert left.keys() == {"one", "two", "three"}
    assert all(HOUR / 2 - SLACK < left[name] <= HOUR / 2 for name in ("one", "two"))
    assert HOUR - SLACK < left["three"] <= HOUR


async def test_who_is_revoked_again_keeps_the_first_ending(revocations: Revocations) -> None:
    await end(revocations, ended("one"))
    await end(revocations, ended("one"), ended("two"), token_life=DAY)
    left = await recalled(revocations)
    assert left["one"] <= HOUR < left["two"]


async def test_parallel_endings_of_one_session_do_not_fail(revocations: Revocations) -> None:
    await asyncio.gather(*(end(revocations, ended("one")) for _ in range(10)))
    assert (await recalled(revocations)).keys() == {"one"}


async def test_what_may_be_forgotten_is_forgotten_and_nothing_else(memory: Memory) -> None:
    await end(memory.revocations, ended("long"))
    await end(memory.revocations, ended("short"), session_life=2 * HOUR)
    await memory.advance(2 * HOUR - SLACK)
    await memory.revocations.delete_expired()
    assert await memory.revocations.has("short")
    await memory.advance(2 * SLACK)
    await memory.revocations.delete_expired()
    assert await memory.revocations.has("long")
    assert not await memory.revocations.has("short")


async def test_what_is_forgotten_or_recalled_in_portions_is_all_of_it(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 3)
    await end(memory.revocations, *(ended(f"short {number}") for number in range(10)), session_life=HOUR)
    await end(memory.revocations, *(ended(f"long {number}") for number in range(9)), token_life=2 * HOUR)
    assert len(await recalled(memory.revocations)) == 19
    await memory.advance(HOUR)
    await memory.revocations.delete_expired()
    assert (await recalled(memory.revocations)).keys() == {f"long {number}" for number in range(9)}
    assert not await memory.revocations.has("short 9")


async def test_an_ending_is_remembered_for_as_long_as_the_session_might_come_back(memory: Memory) -> None:
    """Long after its denial has lapsed: an old snapshot of Redis may hold the session for its whole life."""
    await end(memory.revocations, ended("one"), session_life=30 * DAY)
    await memory.advance(30 * DAY - SLACK)
    await memory.revocations.delete_expired()
    assert await memory.revocations.has("one")
    assert await recalled(memory.revocations) == {}


async def test_a_denial_is_remembered_however_short_a_session_lives(memory: Memory) -> None:
    await end(memory.revocations, ended("one"), token_life=DAY, session_life=HOUR)
    await memory.advance(DAY - SLACK)
    await memory.revocations.delete_expired()
    assert (await recalled(memory.revocations)).keys() == {"one"}


async def test_sessions_whose_tokens_are_denied_otherwise_are_remembered_but_not_recalled(memory: Memory) -> None:
    await memory.lifetimes.use(DAY, 30 * DAY)
    one = ended("one")
    assert await end(memory.revocations, one, token_life=timedelta(0)) == timedelta(0)
    assert await recalled(memory.revocations) == {}
    assert await memory.revocations.has("one")
    assert [held.session_id for held in await memory.revocations.of_user(one.user_id, "", 9)] == ["one"]


async def test_a_token_of_longer_settings_is_denied_to_its_very_end(memory: Memory) -> None:
    await memory.lifetimes.use(DAY, 30 * DAY)  # by an instance with yesterday's settings
    await memory.advance(HOUR)
    assert 23 * HOUR < await end(memory.revocations, ended("one")) <= DAY + SLACK
    assert (await recalled(memory.revocations))["one"] > 23 * HOUR


async def test_a_session_of_longer_settings_is_remembered_to_its_very_end(memory: Memory) -> None:
    await memory.lifetimes.use(HOUR, 30 * DAY)
    await end(memory.revocations, ended("one"), session_life=timedelta(seconds=3))
    await memory.advance(29 * DAY)
    await memory.revocations.delete_expired()
    assert await memory.revocations.has("one")


async def test_longer_settings_count_until_nothing_of_theirs_can_be_alive(memory: Memory) -> None:
    await memory.lifetimes.use(DAY, 2 * DAY)
    await memory.advance(20 * HOUR)
    assert await memory.lifetimes.use(HOUR, DAY) == DAY
    await memory.advance(6 * HOUR)  # a day after the hour that the first instance spoke for
    assert await memory.lifetimes.use(HOUR, DAY) == HOUR
    assert await end(memory.revocations, ended("one")) <= HOUR + SLACK
    await memory.advance(3 * DAY)
    assert await memory.lifetimes.use(2 * HOUR, DAY) == 2 * HOUR


async def test_an_instance_that_goes_on_issuing_long_tokens_says_so_again(memory: Memory) -> None:
    await memory.lifetimes.use(DAY, 2 * DAY)
    await memory.advance(3 * DAY)
    await memory.lifetimes.use(DAY, 2 * DAY)
    assert await memory.lifetimes.use(HOUR, DAY) == DAY


async def test_while_one_recalls_every_other_waits(
    embedded: Stores, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with asyncio.timeout(60), open_postgres(embedded) as mine, open_postgres(embedded) as other:
        async with PostgresRevocations(mine).recall():
            waiting = asyncio.create_task(recalled(PostgresRevocations(other)))
            await until(lambda: database.fetchval(TURNED_AWAY))
            await end(PostgresRevocations(mine), ended("late"))  # whoever ends a session never waits
            assert not waiting.done()
        assert (await waiting).keys() == {"late"}


async def test_a_recall_that_fails_lets_the_next_one_in(revocations: Revocations) -> None:
    await end(revocations, ended("one"))
    with pytest.raises(ConnectionError):
        async with revocations.recall():
            raise ConnectionError
    assert (await recalled(revocations)).keys() == {"one"}


async def test_what_is_remembered_of_a_user_is_theirs_alone(revocations: Revocations) -> None:
    one, other = ended("one"), ended("other")
    await end(revocations, one, other)
    await end(revocations, EndedSession("two", one.user_id))
    assert sorted(held.session_id for held in await revocations.of_user(one.user_id, "", 9)) == ["one", "two"]
    assert list(await revocations.of_user(FakeAmbient().new_uuid(), "", 9)) == []


async def test_a_user_s_endings_come_page_by_page(revocations: Revocations) -> None:
    user = FakeAmbient().new_uuid()
    await end(revocations, *(EndedSession(name, user) for name in "edcba"), ended("other"))
    for after, names in (("", ["a", "b"]), ("b", ["c", "d"]), ("d", ["e"])):
        assert [one.session_id for one in await revocations.of_user(user, after, 2)] == names
