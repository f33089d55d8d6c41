"""A primary that was replaced and still answers: it is not believed, however long nothing was asked before."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.domain.sessions.ports import ForgottenError
from service.settings import RedisSettings
from service.stores import redis_keys
from service.stores.cluster import Cluster
from service.stores.connect import connect
from service.stores.denylist import RedisDenylist
from service.stores.redis import RedisServer, RedisTopology
from service.stores.sentinel import WatchedPool
from tests.support.builders import remembering
from tests.support.deployments import HOST, NAME, Member, clustered, id_of, running, watched
from tests.support.relay import Mode, Relay
from tests.support.waiting import until

HOUR = timedelta(hours=1)
PATIENT = {"command_timeout": "5s", "connect_timeout": "10s", "acquire_timeout": "5s"}
LONG_AGO = float("-inf")


@asynccontextmanager
async def connected(url: str, **more: str) -> AsyncIterator[tuple[Redis, RedisTopology]]:
    redis, servers = connect(RedisSettings.model_validate({"url": url} | PATIENT | more))
    try:
        yield redis, servers
    finally:
        await redis.aclose()


def let_time_pass(redis: Redis, *servers: RedisServer) -> None:
    """As if nothing had been asked for a while."""
    for one in (redis, redis.connection_pool):
        if isinstance(one, Cluster | WatchedPool):
            one._looked_at = LONG_AGO
        if isinstance(one, Cluster):
            one._rest_until = LONG_AGO
    for server in servers:
        server.identified_at.clear()


@pytest.mark.parametrize("mode", [Mode.PASS, Mode.RESET, Mode.FORGET])
async def test_after_a_pause_the_first_question_goes_to_the_primary_that_the_sentinels_name_now(
    tmp_path: Path, mode: Mode
) -> None:
    """Nothing is wrong with the connection to the old one; those to the Sentinels may have died meanwhile."""
    async with watched(tmp_path) as stand, AsyncExitStack() as wires:
        relays = [await wires.enter_async_context(Relay(one.port).listening()) for one in stand.sentinels]
        url = f"redis+sentinel://{','.join(f'{HOST}:{one.port}' for one in relays)}/{NAME}"
        redis, _ = await wires.enter_async_context(connected(url, command_timeout="2s"))
        await redis.set("word", "old", px=60_000)
        await stand.replica.ask("REPLICAOF", "NO", "ONE")
        await stand.replica.ask("SET", "word", "new")
        for one in stand.sentinels:
            await one.ask("SENTINEL REMOVE", NAME)
            await one.ask("SENTINEL MONITOR", NAME, HOST, stand.replica.port, 2)
        await until(stand.has_moved)
        for relay in relays:
            relay.behave(mode)
            relay.behave(Mode.PASS)
        let_time_pass(redis)
        assert await redis.get("word") == b"new"
        assert await stand.primary.ask("GET", "word") == b"old"


async def test_after_a_pause_the_first_question_goes_to_the_primary_that_the_cluster_names_now(tmp_path: Path) -> None:
    """The old one has lost sight of the others, and serves on."""
    async with clustered(tmp_path) as stand, connected(stand.url) as (redis, _):
        old, *others = stand.primaries
        await redis.set("word{06S}", "old", px=60_000)  # in slot 0
        await until(stand.successor.is_in_step)
        for one in (*others, stand.successor):
            await old.ask("CLUSTER FORGET", await id_of(one))
        await stand.successor.ask("CLUSTER FAILOVER", "TAKEOVER")

        async def is_known() -> bool:
            views = [await one.ask("CLUSTER NODES") for one in (*others, stand.successor)]
            return all(view[stand.successor.address]["slots"] for view in views)

        await until(is_known)
        await stand.successor.ask("SET", "word{06S}", "new")
        let_time_pass(redis)
        assert await redis.get("word{06S}") == b"new"
        assert await old.ask("GET", "word{06S}") == b"old"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Sequence[Member]]:
    servers = [Member(tmp_path, {}), Member(tmp_path, {})]
    async with running(servers):
        yield servers


async def test_after_a_pause_a_server_that_was_demoted_meanwhile_is_found_out(pair: Sequence[Member]) -> None:
    """Over the connections that were opened while it was the primary, which a demotion leaves open."""
    server, other = pair
    async with connected(f"redis://{server.address}/0") as (redis, servers):
        denylist = RedisDenylist(redis, servers, Ambient())
        assert isinstance(servers, RedisServer)
        await denylist.restore(remembering({"over": HOUR}))
        assert not await denylist.has("token", "live", "key")
        await server.ask("REPLICAOF", HOST, other.port)
        let_time_pass(redis, servers)
        with pytest.raises(ForgottenError):
            await denylist.has("token", "live", "key")
        assert not await denylist.is_complete()


async def test_a_connection_opened_to_a_replica_serves_when_it_has_become_the_primary(pair: Sequence[Member]) -> None:
    server, other = pair
    await server.ask("REPLICAOF", HOST, other.port)
    async with connected(f"redis://{server.address}/0") as (redis, servers):
        denylist = RedisDenylist(redis, servers, Ambient())
        assert not await denylist.is_complete()
        await server.ask("REPLICAOF", "NO", "ONE")
        await denylist.restore(remembering({"over": HOUR}))
        for _ in range(3):
            assert await denylist.is_complete()
            assert await denylist.has("token", "over", "key")
            assert not await denylist.has("token", "live", "key")


async def test_a_restoring_writes_nothing_to_a_server_that_it_does_not_know(pair: Sequence[Member]) -> None:
    """It may hold every entry: a marker taken from it makes all instances refuse."""
    server, _ = pair
    async with connected(f"redis://{server.address}/0") as (redis, servers):
        await RedisDenylist(redis, servers, Ambient()).restore(remembering({"over": HOUR}))
        marker = await server.ask("GET", redis_keys.EPOCH)
        stranger = RedisDenylist(Redis(host=HOST, port=server.port), RedisServer(), Ambient())
        with pytest.raises(ForgottenError):
            await stranger.restore(remembering({"over": HOUR}))
        await stranger._redis.aclose()
        assert await server.ask("GET", redis_keys.EPOCH) == marker
        assert await RedisDenylist(redis, servers, Ambient()).is_complete()
