"""Stores that a test may break, and an instance whose way to them may be broken as well."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import EmbeddedPostgres, EmbeddedRedis, Stores, socket_directory
from tests.conftest import Client, Serve, real_settings
from tests.support.fault_instances import Instance, Wires, set_the_scene
from tests.support.outages import Scene
from tests.support.relay import Relay
from tests.support.waiting import brisk

DURABLE = {"synchronous_commit": "on"}  # for these tests kill it; a lost power supply they do not try


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Stores for the tests of one file alone."""
    directory = tmp_path_factory.mktemp("faults")
    with socket_directory() as for_postgres, socket_directory() as for_redis:
        postgres = EmbeddedPostgres(directory / "postgres", for_postgres, fast=True, options=DURABLE)
        redis = EmbeddedRedis(directory / "redis", for_redis)
        postgres.start()
        redis.start()
        yield Stores(postgres, redis)
        redis.stop()
        postgres.stop()


@pytest.fixture
async def instance(own: Stores, serve: Serve) -> AsyncIterator[Instance]:
    """Starts an instance on these stores: `await instance(redis={"url": ...})`."""
    async with AsyncExitStack() as closing:

        async def start(ambient: Ambient | None = None, **sections: dict[str, Any]) -> Client:
            application = build(real_settings(own, **brisk(**sections)), ambient or Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            return await serve(application)

        yield start


@pytest.fixture
async def scene(own: Stores, instance: Instance) -> AsyncIterator[Scene]:
    yield await set_the_scene(own, await instance())
    for server in (own.redis, own.postgres):  # whatever a failed test left behind
        server.kill()
        server.start()


@pytest.fixture
async def wires(own: Stores) -> AsyncIterator[Wires]:
    async with (
        Relay(own.postgres.sockets / EmbeddedPostgres.SOCKET).listening() as postgres,
        Relay(own.redis.sockets / EmbeddedRedis.SOCKET).listening() as redis,
    ):
        yield Wires(postgres, redis)


@pytest.fixture
async def wired(own: Stores, instance: Instance, wires: Wires) -> Scene:
    """The scene on an instance that reaches its stores over wires."""
    return await set_the_scene(own, await instance(**wires.sections))
