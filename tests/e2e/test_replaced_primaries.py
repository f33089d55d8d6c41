"""A primary that was replaced and still answers: it is not believed, however long nothing was asked before."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from service.ambient import Ambient
from service.domain.sessions.ports import ForgottenError
from service.settings import RedisSettings
from service.stores import cluster, redis_keys
from service.stores.cluster import Cluster, Command, Node, NodeReply
from service.stores.connect import connect
from service.stores.denylist import RedisDenylist
from service.stores.redis import RedisServer, RedisTopology
from service.stores.sentinel import WatchedPool
from tests.support.builders import remembering
from tests.support.deployments import HOST, NAME, Member, Watched, clustered, id_of, running, watched
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


def watched_pool(redis: Redis) -> WatchedPool:
    assert isinstance(redis.connection_pool, WatchedPool)
    return redis.connection_pool


async def name_the_replica(stand: Watched) -> None:
    """It is a primary now, and has another word; the old primary stays one."""
    await stand.replica.ask("REPLICAOF", "NO", "ONE")
    await stand.replica.ask("SET", "word", "new")
    for one in stand.sentinels:
        await one.ask("SENTINEL REMOVE", NAME)
        await one.ask("SENTINEL MONITOR", NAME, HOST, stand.replica.port, 2)
    await until(stand.has_moved)


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
        await name_the_replica(stand)
        for relay in relays:
            relay.behave(mode)
            relay.behave(Mode.PASS)
        let_time_pass(redis)
        assert await redis.get("word") == b"new"
        assert await stand.primary.ask("GET", "word") == b"old"


async def test_no_connection_to_a_replaced_primary_is_used_again(tmp_path: Path) -> None:
    """One that came back to the pool while the pool was moving was missed by redis-py's own way to drop them."""
    async with watched(tmp_path) as stand, connected(stand.url) as (redis, servers):
        await redis.set("word", "old", px=60_000)
        pool = watched_pool(redis)
        missed = await pool.get_connection()  # type: ignore[no-untyped-call] # redis-py's decorator has no types
        await name_the_replica(stand)
        await pool.get_master_address()
        missed.reset_should_reconnect()
        await pool.release(missed)  # the next one to be used
        denylist = RedisDenylist(redis, servers, Ambient())
        await denylist.restore(remembering({"over": HOUR}))
        for _ in range(3):
            assert await redis.get("word") == b"new"
            assert await denylist.has("token", "over", "key")
        assert await stand.replica.ask("EXISTS", redis_keys.EPOCH) == 1
        assert await stand.primary.ask("EXISTS", redis_keys.EPOCH) == 0


async def test_a_connection_that_is_opened_while_its_primary_is_replaced_serves_nobody(tmp_path: Path) -> None:
    async with watched(tmp_path) as stand, connected(stand.url) as (redis, _):
        await redis.set("word", "old", px=60_000)
        pool = watched_pool(redis)
        await pool.disconnect()
        greet = pool.connection_kwargs["redis_connect_func"]

        async def greet_late(connection: AbstractConnection) -> None:
            if not await stand.has_moved():
                await name_the_replica(stand)
                await pool.get_master_address()
            await greet(connection)

        for one in pool._available_connections:
            one.redis_connect_func = greet_late
        with pytest.raises(RedisConnectionError, match="another primary"):
            await redis.get("word")
        assert await redis.get("word") == b"new"


async def test_the_sentinels_are_asked_one_question_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the reply to an earlier question could come later, and undo a failover."""
    async with watched(tmp_path) as stand, connected(stand.url) as (redis, _):
        pool = watched_pool(redis)
        sentinel = pool.sentinel_manager.sentinels[0]
        asked = Mock(wraps=sentinel.sentinel_masters)
        monkeypatch.setattr(sentinel, "sentinel_masters", asked)
        assert set(await asyncio.gather(*(pool.get_master_address() for _ in range(10)))) == {stand.primary.place}
        assert asked.call_count == 1


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


async def test_a_reply_of_a_node_of_a_cluster_that_was_replaced_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with clustered(tmp_path) as stand, connected(stand.url) as (redis, servers):
        assert isinstance(redis, Cluster)
        denylist = RedisDenylist(redis, servers, Ambient())
        await denylist.restore(remembering({"over": HOUR}))
        await until(stand.successor.is_in_step)
        held, is_over = asyncio.Event(), asyncio.Event()
        deliver = cluster._deliver

        async def deliver_late(node: Node, commands: Sequence[Command]) -> list[NodeReply]:
            replies = await deliver(node, commands)
            if commands[0][0][0] != "CLUSTER NODES":
                held.set()
                await is_over.wait()
            return replies

        monkeypatch.setattr(cluster, "_deliver", deliver_late)
        question = asyncio.create_task(denylist.has("token", "aht", "key"))  # in the partition of slot 92
        await held.wait()
        await stand.successor.ask("CLUSTER FAILOVER", "TAKEOVER")

        async def is_known() -> bool:
            let_time_pass(redis)
            await redis._know_the_map()
            node = redis._slots[92]
            return node is not None and node.address == stand.successor.place

        await until(is_known)
        is_over.set()
        with pytest.raises(ForgottenError):
            await question


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
