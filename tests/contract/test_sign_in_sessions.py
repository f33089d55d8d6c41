"""What is remembered of sign-in sessions, on fakeredis and on Redis."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from service.stores import redis_keys
from service.stores.scripts import Scripts
from service.stores.sign_in_sessions import RedisSessionUses

LIFE = timedelta(minutes=3)
ONE, OTHER = "0" * 32, "1" * 32


@pytest.fixture
def uses(redis_client: Redis) -> RedisSessionUses:
    return RedisSessionUses(Scripts(redis_client))


async def test_tries_are_counted_for_each_session(uses: RedisSessionUses) -> None:
    assert [await uses.count_try(ONE, LIFE) for _ in range(3)] == [1, 2, 3]
    assert await uses.count_try(OTHER, LIFE) == 1


async def test_of_all_who_claim_a_session_one_gets_it_and_nobody_tries_it_again(
    uses: RedisSessionUses, redis_client: Redis
) -> None:
    await uses.count_try(ONE, LIFE)
    others = RedisSessionUses(Scripts(redis_client))
    said = await asyncio.gather(*(one.claim(ONE, LIFE) for one in (uses, others) * 5))
    assert said.count(True) == 1
    assert await uses.count_try(ONE, LIFE) is None
    assert await others.claim(ONE, LIFE) is False
    assert await uses.claim(OTHER, LIFE)


@pytest.mark.parametrize("act", ["count_try", "claim"])
async def test_it_is_forgotten_by_itself(uses: RedisSessionUses, redis_client: Redis, act: str) -> None:
    await getattr(uses, act)(ONE, LIFE)
    left = await redis_client.pttl(redis_keys.sign_in(ONE))
    assert 179_000 < left <= 180_000
    await getattr(uses, act)(OTHER, timedelta(0))  # of one that is over
    assert await redis_client.pttl(redis_keys.sign_in(OTHER)) <= 1
