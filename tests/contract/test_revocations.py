"""What the durable memory of endings promises, in memory and on a real Postgres."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from service.domain.models import Revocation
from service.domain.ports import Revocations
from service.embedded import Stores
from service.stores.revocations import PostgresRevocations
from tests.builders import NOON, FakeAmbient
from tests.contract.ground import open_postgres
from tests.patience import until

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TURNED_AWAY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tokenhouse' AND query = 'COMMIT;'"


def revocation(name: str, forget_after: timedelta = DAY) -> Revocation:
    return Revocation(name, FakeAmbient().new_uuid(), NOON + HOUR, NOON + forget_after)


async def recalled(revocations: Revocations, after: timedelta = timedelta(0)) -> list[Revocation]:
    async with revocations.recall(NOON + after) as remembered:
        return sorted(remembered, key=lambda one: one.session_id)


async def test_what_was_revoked_is_recalled(revocations: Revocations) -> None:
    one, two, three = revocation("one"), revocation("two"), revocation("three")
    await revocations.add([one, two])
    await revocations.add([three])
    await revocations.add([])
    assert await recalled(revocations) == [one, three, two]


async def test_who_is_revoked_again_keeps_the_first_ending(revocations: Revocations) -> None:
    first = revocation("one")
    await revocations.add([first])
    await revocations.add([replace(first, denied_until=NOON + DAY, forget_at=NOON + 2 * DAY), revocation("two")])
    assert (await recalled(revocations))[0] == first


async def test_parallel_endings_of_one_session_do_not_fail(revocations: Revocations) -> None:
    rivals = [revocation("one") for _ in range(10)]
    await asyncio.gather(*(revocations.add([rival]) for rival in rivals))
    (kept,) = await recalled(revocations)
    assert kept in rivals


async def test_what_may_be_forgotten_is_forgotten_and_nothing_else(revocations: Revocations) -> None:
    long, short = revocation("long", forget_after=DAY), revocation("short", forget_after=2 * HOUR)
    await revocations.add([long, short])
    await revocations.forget(NOON + 2 * HOUR - timedelta(microseconds=1))
    assert await recalled(revocations) == [long, short]
    await revocations.forget(NOON + 2 * HOUR)
    assert await recalled(revocations) == [long]
    assert await revocations.has("long")
    assert not await revocations.has("short")


async def test_a_lapsed_denial_is_remembered_but_not_recalled(revocations: Revocations) -> None:
    one = revocation("one")
    await revocations.add([one])
    assert await recalled(revocations, after=HOUR - timedelta(microseconds=1)) == [one]
    assert await recalled(revocations, after=HOUR) == []
    assert await revocations.has("one")
    assert await revocations.of_user(one.user_id) == [one]


async def test_while_one_recalls_every_other_waits_at_the_door(
    embedded: Stores, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with asyncio.timeout(10), open_postgres(embedded) as mine, open_postgres(embedded) as other:
        async with PostgresRevocations(mine).recall(NOON):
            waiting = asyncio.create_task(recalled(PostgresRevocations(other)))
            await until(lambda: database.fetchval(TURNED_AWAY), within=5)
            late = revocation("late")
            await PostgresRevocations(mine).add([late])  # whoever ends a session never waits
            assert not waiting.done()
        assert await waiting == [late]


async def test_a_recall_that_fails_lets_the_next_one_in(revocations: Revocations) -> None:
    one = revocation("one")
    await revocations.add([one])
    with pytest.raises(ConnectionError):
        async with revocations.recall(NOON):
            raise ConnectionError
    assert await recalled(revocations) == [one]


async def test_what_is_remembered_of_a_user_is_theirs_alone(revocations: Revocations) -> None:
    one, other = revocation("one"), revocation("other")
    two = replace(one, session_id="two")
    await revocations.add([one, other])
    await revocations.add([two])
    assert sorted(await revocations.of_user(one.user_id), key=lambda ended: ended.session_id) == [one, two]
    assert list(await revocations.of_user(FakeAmbient().new_uuid())) == []
