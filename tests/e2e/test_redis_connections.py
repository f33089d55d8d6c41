"""Connections to Redis that die while nobody uses them: over TCP, on one server, behind Sentinels and in a cluster."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.settings import RedisSettings
from service.stores import pool, redis_keys
from service.stores.connect import connect
from service.stores.redis import RedisServer
from tests.conftest import Instances
from tests.support.deployments import Member, clustered, running, watched
from tests.support.relay import Mode, Relay
from tests.support.waiting import until

PEAK = 40
NAMED = "ours"
PATIENT = {"command_timeout": "5s", "connect_timeout": "10s", "acquire_timeout": "5s"}


@dataclass(frozen=True)
class Stand:
    url: str
    servers: Sequence[Member]
    sentinels: Sequence[Member] = ()

    async def ours(self) -> list[tuple[Member, int]]:
        """Our connections by server and id; those of Sentinels and of the tests have no name."""
        listed = [(server, await server.ask("CLIENT LIST", "TYPE", "normal")) for server in self.servers]
        return [(server, int(one["id"])) for server, each in listed for one in each if one["name"] == NAMED]

    async def clients(self) -> int:
        return len(await self.ours())

    async def kill_clients(self) -> None:
        for server, number in await self.ours():
            await server.ask("CLIENT", "KILL", "ID", number)
        for sentinel in self.sentinels:
            await sentinel.ask("CLIENT", "KILL", "TYPE", "normal")


@asynccontextmanager
async def single(directory: Path) -> AsyncIterator[Stand]:
    server = Member(directory, {})
    async with running([server]):
        yield Stand(f"redis://{server.address}/0?client_name={NAMED}", [server])


@asynccontextmanager
async def behind_sentinels(directory: Path) -> AsyncIterator[Stand]:
    async with watched(directory) as stand:
        yield Stand(f"{stand.url}?client_name={NAMED}", [stand.primary], stand.sentinels)


@asynccontextmanager
async def in_a_cluster(directory: Path) -> AsyncIterator[Stand]:
    async with clustered(directory) as stand:
        yield Stand(f"{stand.url}?client_name={NAMED}", stand.primaries)


@pytest.fixture(params=[single, behind_sentinels, in_a_cluster])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    async with request.param(tmp_path) as stand:
        yield stand


@asynccontextmanager
async def client_of(url: str, **more: str) -> AsyncIterator[Redis]:
    redis, _ = connect(RedisSettings.model_validate({"url": url} | PATIENT | more))
    try:
        yield redis
    finally:
        await redis.aclose()


async def counted(redis: Redis, name: str) -> None:
    """One command that must be carried out once, not twice."""
    await redis.incr(redis_keys.limit("login", name))


async def peak(redis: Redis) -> None:
    """As many connections as the pool has, on each server."""
    await asyncio.gather(*(counted(redis, f"peak {number}") for number in range(PEAK)))


async def test_after_all_connections_were_killed_every_call_is_answered(stand: Stand, instances: Instances) -> None:
    [client] = await instances(
        1, redis={"url": stand.url} | PATIENT, passwords={"bcrypt_rounds": 4}, tokens={"algorithm": "ES256"}
    )
    person = await client.sign_up()
    tokens = [await client.log_in(person) for _ in range(5)]
    for _ in range(3):
        answers = await asyncio.gather(*(client.refresh(one) for one in tokens), *(client.me(one) for one in tokens))
        assert {answer.status for answer in answers} == {200}
        await stand.kill_clients()
    answers = [await client.me(one) for one in tokens] + [await client.refresh(one) for one in tokens]
    assert [answer.status for answer in answers] == [200] * 10
    await stand.kill_clients()
    await client.log_in(person)
    assert (await client.get("/readyz")).status == 200


async def test_a_pool_of_dead_connections_costs_no_command_and_repeats_none(stand: Stand) -> None:
    async with client_of(stand.url) as redis:
        await peak(redis)
        for _ in range(3):
            await stand.kill_clients()
            await peak(redis)
        for number in range(PEAK):
            assert await redis.get(redis_keys.limit("login", f"peak {number}")) == b"4"


async def test_connections_that_redis_closes_when_they_are_idle_are_replaced(tmp_path: Path) -> None:
    async with single(tmp_path) as stand, client_of(stand.url) as redis:
        await peak(redis)
        await stand.servers[0].ask("CONFIG", "SET", "timeout", "1")

        assert await stand.clients() > 0

        async def all_are_closed() -> bool:
            return await stand.clients() == 0

        await until(all_are_closed)
        await stand.servers[0].ask("CONFIG", "SET", "timeout", "0")
        await peak(redis)


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.FORGET])
async def test_connections_that_a_network_dropped_are_replaced(tmp_path: Path, mode: Mode) -> None:
    """Reset, as by a firewall, or forgotten without a word, as by a NAT."""
    async with single(tmp_path) as stand, Relay(stand.servers[0].port).listening() as relay:
        quick = {"command_timeout": "1s"}
        async with client_of(f"redis://127.0.0.1:{relay.port}/0", **quick) as redis:
            await peak(redis)
            relay.behave(mode)
            relay.behave(Mode.PASS)
            forget_when_they_were_heard(redis)
            await peak(redis)
            for number in range(PEAK):
                assert await redis.get(redis_keys.limit("login", f"peak {number}")) == b"2"


def forget_when_they_were_heard(redis: Redis) -> None:
    """As if a while had passed."""
    peer = getattr(redis.connection_pool, "_peer", None)
    assert isinstance(peer, RedisServer)
    peer.identified_at.clear()


async def test_a_command_whose_connection_dies_under_it_is_not_repeated(tmp_path: Path) -> None:
    async with (
        single(tmp_path) as stand,
        Relay(stand.servers[0].port).listening() as relay,
        client_of(f"redis://127.0.0.1:{relay.port}/0") as redis,
    ):
        await counted(redis, "once")
        relay.behave(Mode.CUT, once=[b"INCR"])
        with pytest.raises(RedisError):
            await counted(redis, "once")
        relay.behave(Mode.PASS)
        assert await redis.get(redis_keys.limit("login", "once")) == b"2"


async def test_idle_connections_beyond_a_few_are_given_up(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 0.01)
    async with client_of(stand.url) as redis:
        await peak(redis)

        async def few_are_left() -> bool:
            return await stand.clients() <= pool.KEPT * len(stand.servers)

        assert await stand.clients() > 0
        await until(few_are_left)
        await peak(redis)


async def test_idle_connections_are_given_up_after_a_minute_and_the_latest_used_stay(tmp_path: Path) -> None:
    async with single(tmp_path) as stand, client_of(stand.url) as redis:
        await peak(redis)
        kept = redis.connection_pool
        assert isinstance(kept, pool.CheckedPool)
        idle = list(kept._available_connections)
        assert len(idle) > pool.KEPT
        latest = kept._idle_since[idle[-1]]
        kept.trim(kept._idle_since[idle[0]] + pool.IDLE - 0.001)
        assert kept._available_connections == idle
        kept.trim(latest + pool.IDLE)
        assert kept._available_connections == idle[-pool.KEPT :]
        await peak(redis)
