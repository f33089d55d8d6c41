"""The stores that the contract is kept with: in memory, and the run's real Postgres and Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import fakeredis
import pytest
from redis.asyncio import Redis

from service.domain.accounts.ports import Users
from service.domain.resource_servers.ports import RevocationStore
from service.domain.sessions.ports import PendingRevocations
from service.domain.signing.ports import Lifetimes
from service.stores.counters import RedisCounters
from service.stores.longest_lifetimes import PostgresLifetimes
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.revocations import PostgresRevocations
from service.stores.scripts import Scripts
from service.stores.users import PostgresUsers
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeLifetimes, FakePendingRevocations, FakeRevocations, FakeUsers
from tests.support.postgres import open_postgres


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


@dataclass(frozen=True)
class Memory:
    """What Postgres keeps of endings, and its clock."""

    revocations: RevocationStore
    lifetimes: Lifetimes
    pending: PendingRevocations
    users: Users
    advance: Callable[[timedelta], Awaitable[None]]


# The clock of a real Postgres cannot be moved; what it has written can.
AGE = (
    "UPDATE revocations SET denied_until = denied_until - $1::interval, forget_at = forget_at - $1::interval",
    "UPDATE longest_lives SET used_until = used_until - $1::interval",
    "UPDATE pending_endings SET due_at = due_at - $1::interval, asked_at = asked_at - $1::interval",
)


@pytest.fixture(params=["fake", "postgres"])
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[Memory]:
    if request.param == "fake":
        ambient = FakeAmbient()
        lifetimes, pending = FakeLifetimes(ambient), FakePendingRevocations(ambient)

        async def wait(span: timedelta) -> None:
            ambient.advance(seconds=span.total_seconds())

        yield Memory(FakeRevocations(ambient, lifetimes), lifetimes, pending, FakeUsers(pending), wait)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:

            async def age(span: timedelta) -> None:
                for statement in AGE:
                    await postgres.execute(statement, span)

            yield Memory(
                PostgresRevocations(postgres),
                PostgresLifetimes(postgres),
                PostgresPendingRevocations(postgres),
                PostgresUsers(postgres),
                age,
            )


@pytest.fixture
def revocations(memory: Memory) -> RevocationStore:
    return memory.revocations
