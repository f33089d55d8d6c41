"""What is counted of the way to a store: each round trip, and each failure of the store's."""

from typing import Any

import pytest
from redis.exceptions import RedisError

from service.ambient import Ambient
from service.assembly.application import build
from service.assembly.backends import Backends
from service.embedded import Stores
from service.errors import EmailTakenError
from service.stores.postgres import OUTAGES
from tests.conftest import real_settings
from tests.support import builders

NOWHERE: dict[str, dict[str, Any]] = {
    "database": {"url": "postgresql://nobody@127.0.0.1:1/none"},
    "redis": {"url": "redis://127.0.0.1:1/0"},
}


@pytest.fixture
async def backends(embedded: Stores, redis: object, database: object) -> Any:
    application = build(real_settings(embedded), Ambient())
    await application.open()
    yield application.backends
    await application.close()


async def test_a_command_and_a_pipeline_are_one_trip_each(backends: Backends) -> None:
    timings = backends.servers.timings
    before = timings.seconds.count
    await backends.redis.set("one", 1, px=1000)
    async with backends.redis.pipeline(transaction=False) as pipe:
        for name in ("one", "two"):
            pipe.get(name)
        assert await pipe.execute() == [b"1", None]
    assert timings.seconds.count - before == 2
    assert not timings.errors
    assert backends.servers.connections(backends.redis).most == 64
    assert sum(backends.servers.connections(backends.redis)[:2]) >= 1


async def test_what_redis_refuses_inside_a_pipeline_is_a_failure_too(backends: Backends) -> None:
    async with backends.redis.pipeline(transaction=False) as pipe:
        pipe.get("one")
        pipe.execute_command("NO_SUCH_COMMAND")
        said = await pipe.execute(raise_on_error=False)
    assert isinstance(said[1], RedisError)
    assert sum(backends.servers.timings.errors.values()) == 1


async def test_a_script_that_redis_does_not_know_yet_is_no_failure(backends: Backends) -> None:
    await backends.redis.script_flush()
    await backends.redis.script_flush()
    async with backends.redis.pipeline(transaction=False) as pipe:
        pipe.execute_command("EVALSHA", "0" * 40, 0)
        await pipe.execute(raise_on_error=False)
    assert not backends.servers.timings.errors


async def test_a_query_is_a_trip_and_a_broken_rule_no_failure(backends: Backends) -> None:
    assert backends.postgres is not None
    before = backends.postgres.timings.seconds.count
    user = builders.user(Ambient())
    await backends.users.add(user, b"one")
    with pytest.raises(EmailTakenError):
        await backends.users.add(builders.user(Ambient(), canonical_email=user.canonical_email), b"two")
    assert backends.postgres.timings.seconds.count - before == 2
    assert not backends.postgres.timings.errors
    in_use, idle, most = backends.postgres.connections
    assert (in_use, most) == (0, 10)
    assert idle >= 1


async def test_a_connection_that_is_held_is_in_use(backends: Backends) -> None:
    assert backends.postgres is not None
    async with backends.postgres.connection():
        assert backends.postgres.connections.in_use == 1


async def test_a_store_that_is_not_there_fails_under_the_name_of_its_error() -> None:
    application = build(builders.settings(**NOWHERE), Ambient())
    assert application.backends.postgres is not None
    try:
        with pytest.raises(RedisError):
            await application.backends.redis.get("one")
        await application.backends.postgres.open()
        with pytest.raises(OUTAGES):
            await application.backends.postgres.fetch("SELECT 1")
    finally:
        await application.close()
    assert application.backends.servers.timings.errors == {"ConnectionError": 1}
    assert application.backends.postgres.timings.errors == {"ConnectionRefusedError": 1}
    assert application.backends.postgres.timings.seconds.count == 1
