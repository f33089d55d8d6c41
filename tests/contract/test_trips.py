"""What is counted of the way to a store: each round trip, and each failure of the store's."""

from typing import Any

import pytest
from redis.exceptions import RedisError

from service.ambient import Ambient
from service.embedded import Stores
from service.errors import EmailTakenError
from service.stores.postgres import OUTAGES
from service.wiring import Ground, wire
from tests import builders
from tests.conftest import real_settings

NOWHERE: dict[str, dict[str, Any]] = {
    "database": {"url": "postgresql://nobody@127.0.0.1:1/none"}, "redis": {"url": "redis://127.0.0.1:1/0"},
}  # fmt: skip


@pytest.fixture
async def ground(embedded: Stores, redis: object, database: object) -> Any:
    house = wire(real_settings(embedded), Ambient())
    await house.open()
    yield house.ground
    await house.close()


async def test_a_command_and_a_pipeline_are_one_trip_each(ground: Ground) -> None:
    trips = ground.servers.trips
    before = trips.seconds.count
    await ground.redis.set("one", 1, px=1000)
    async with ground.redis.pipeline(transaction=False) as pipe:
        for name in ("one", "two"):
            pipe.get(name)
        assert await pipe.execute() == [b"1", None]
    assert trips.seconds.count - before == 2
    assert not trips.errors
    assert ground.servers.connections(ground.redis).most == 64
    assert sum(ground.servers.connections(ground.redis)[:2]) >= 1


async def test_what_redis_refuses_inside_a_pipeline_is_a_failure_too(ground: Ground) -> None:
    async with ground.redis.pipeline(transaction=False) as pipe:
        pipe.get("one")
        pipe.execute_command("NO_SUCH_COMMAND")
        said = await pipe.execute(raise_on_error=False)
    assert isinstance(said[1], RedisError)
    assert sum(ground.servers.trips.errors.values()) == 1


async def test_a_script_that_redis_does_not_know_yet_is_no_failure(ground: Ground) -> None:
    await ground.redis.script_flush()
    await ground.redis.script_flush()
    async with ground.redis.pipeline(transaction=False) as pipe:
        pipe.execute_command("EVALSHA", "0" * 40, 0)
        await pipe.execute(raise_on_error=False)
    assert not ground.servers.trips.errors


async def test_a_query_is_a_trip_and_a_broken_rule_no_failure(ground: Ground) -> None:
    assert ground.postgres is not None
    before = ground.postgres.trips.seconds.count
    user = builders.user(Ambient())
    await ground.users.add(user, b"one")
    with pytest.raises(EmailTakenError):
        await ground.users.add(builders.user(Ambient(), canonical_email=user.canonical_email), b"two")
    assert ground.postgres.trips.seconds.count - before == 2
    assert not ground.postgres.trips.errors
    in_use, idle, most = ground.postgres.connections
    assert (in_use, most) == (0, 10)
    assert idle >= 1


async def test_a_connection_that_is_held_is_in_use(ground: Ground) -> None:
    assert ground.postgres is not None
    async with ground.postgres.connection():
        assert ground.postgres.connections.in_use == 1


async def test_a_store_that_is_not_there_fails_under_the_name_of_its_error() -> None:
    house = wire(builders.settings(**NOWHERE), Ambient())
    assert house.ground.postgres is not None
    try:
        with pytest.raises(RedisError):
            await house.ground.redis.get("one")
        await house.ground.postgres.open()
        with pytest.raises(OUTAGES):
            await house.ground.postgres.fetch("SELECT 1")
    finally:
        await house.close()
    assert house.ground.servers.trips.errors == {"ConnectionError": 1}
    assert house.ground.postgres.trips.errors == {"ConnectionRefusedError": 1}
    assert house.ground.postgres.trips.seconds.count == 1
