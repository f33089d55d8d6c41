"""The stores that the contract is kept with: in memory, and the run's real Postgres and Redis."""

from collections.abc import AsyncIterator

import fakeredis
import pytest
from redis.asyncio import Redis

from service.domain.ports import Revocations
from service.stores.counters import RedisCounters
from service.stores.revocations import PostgresRevocations
from service.stores.scripts import Scripts
from tests.contract.ground import open_postgres
from tests.fakes import FakeRevocations


@pytest.fixture(params=["fake", "real"])
async def redis_client(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    if request.param == "fake":
        client: Redis = fakeredis.FakeAsyncRedis()
    else:
        client = Redis.from_url(request.getfixturevalue("embedded").redis.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def counters(redis_client: Redis) -> RedisCounters:
    return RedisCounters(redis_client, Scripts(redis_client))


@pytest.fixture(params=["fake", "postgres"])
async def revocations(request: pytest.FixtureRequest) -> AsyncIterator[Revocations]:
    if request.param == "fake":
        yield FakeRevocations()
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield PostgresRevocations(postgres)
