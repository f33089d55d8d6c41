"""A Redis that is there and does not do its work: slow, cut off, busy, loading, or refusing us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.embedded import EmbeddedRedis
from tests.support.fault_instances import Instance, Wires
from tests.support.outages import CALLS, Scene, all_unavailable, burst_unavailable, recovers, still_stands
from tests.support.relay import Mode
from tests.support.waiting import PATIENCE, until

ENDLESS = "while true do end"
PAUSE_MS = 10_000  # longer than two rounds of calls take
LOADED_KEYS = 30_000
KEY_DELAY_US = 500  # so that reading them takes fifteen seconds; every thousand keys the server looks up


@asynccontextmanager
async def operator(scene: Scene, **login: Any) -> AsyncIterator[Any]:
    """An administrator's own connection, past every wire."""
    client: Any = Redis.from_url(scene.redis.url, **login)  # redis-py's `execute_command` is not typed
    async with client as redis:
        yield redis


async def all_fail_and_stand(scene: Scene) -> None:
    await all_unavailable(scene, *CALLS)
    await burst_unavailable(scene, "me", "refresh", "log out")
    await still_stands(scene)


async def logged_out_for_good(scene: Scene) -> None:
    """What `recovers` logged out."""
    assert (await scene.client.me(scene.spare)).status == 401
    assert (await scene.client.refresh(scene.spare)).status == 401


@pytest.mark.parametrize("mode", [Mode.BLACKHOLE, Mode.RESET, pytest.param(Mode.CUT, marks=pytest.mark.faults)])
async def test_behind_a_network_that_is_cut_every_call_is_503_in_time_and_recovers(
    wired: Scene, wires: Wires, mode: Mode
) -> None:
    wires.redis.behave(mode)
    await all_fail_and_stand(wired)
    wires.redis.behave(Mode.PASS)
    await recovers(wired)
    await logged_out_for_good(wired)


async def test_a_redis_slower_than_our_patience_is_an_outage(wired: Scene, wires: Wires) -> None:
    wires.redis.behave(Mode.DELAY, seconds=1.5)
    await all_fail_and_stand(wired)
    wires.redis.behave(Mode.PASS)
    await recovers(wired)
    await logged_out_for_good(wired)


async def test_a_slow_redis_within_our_patience_is_waited_for(wired: Scene, wires: Wires) -> None:
    wires.redis.behave(Mode.DELAY, seconds=0.02)
    for name in CALLS:
        heard = await wired.hear(name)
        assert heard.status in (200, 201), heard
    assert await wired.is_ready()


@pytest.mark.faults
async def test_a_paused_redis_is_an_outage(scene: Scene) -> None:
    async with operator(scene) as redis:
        await redis.client_pause(PAUSE_MS)
    await all_unavailable(scene, *CALLS)

    async def is_revoked() -> bool:
        return (await scene.hear("me")).status == 200

    await until(is_revoked, within=PAUSE_MS / 1000 + PATIENCE)
    await recovers(scene)


async def test_what_a_slow_redis_did_after_all_was_done_once(wired: Scene, wires: Wires, instance: Instance) -> None:
    """Five wrong passwords are allowed. Three of them reach Redis, whose answers come too late; two are left."""
    strict = replace(wired, client=await instance(**wires.sections, throttle={"exempt": []}))
    wrong = {"email": wired.person["email"], "password": "Wrong-Pass1!"}
    assert (await strict.client.log_in(wired.person))["idToken"]
    wires.redis.behave(Mode.CUT)
    statuses = []
    for _ in range(3):
        wires.redis.behave(Mode.PASS)
        await until(strict.is_ready)  # with a connection that is open
        wires.redis.behave(Mode.CUT)
        statuses.append((await strict.client.post("/auth/login", wrong)).status)
    assert statuses == [503] * 3
    wires.redis.behave(Mode.PASS)
    await until(strict.is_ready)
    assert [(await strict.client.post("/auth/login", wrong)).status for _ in range(2)] == [401] * 2


@pytest.mark.faults
async def test_a_busy_redis_is_an_outage(scene: Scene) -> None:
    async with operator(scene, socket_timeout=60) as redis, operator(scene) as judge:
        await redis.config_set("lua-time-limit", "50")
        busy = asyncio.create_task(redis.eval(ENDLESS, 0))
        await all_fail_and_stand(scene)
        await judge.script_kill()
        with suppress(RedisError):
            await busy
        await recovers(scene)
        await logged_out_for_good(scene)


@pytest.mark.parametrize("how", [("resetpass", ">another"), pytest.param(("-@all",), marks=pytest.mark.faults)])
async def test_a_redis_that_does_not_let_us_in_is_an_outage(scene: Scene, how: tuple[str, ...]) -> None:
    async with operator(scene) as redis:
        await redis.execute_command("ACL SETUSER", "operator", "on", ">rescue", "+@all", "~*")
    async with operator(scene, username="operator", password="rescue") as redis:
        await redis.execute_command("ACL SETUSER", "default", *how)
        await redis.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
        await all_fail_and_stand(scene)
        await redis.execute_command("ACL SETUSER", "default", "nopass", "+@all")
        await recovers(scene)
    await logged_out_for_good(scene)


class SlowReader(EmbeddedRedis):
    """Is started when its process is, while it still reads its file."""

    def _await_answer(self, process: object) -> None:
        """It answers soon enough, with LOADING."""


async def is_reading(scene: Scene) -> bool:
    async with operator(scene) as redis:
        try:
            await redis.get("ballast:0")
        except RedisError as error:
            return "loading" in str(error)
    return False


@pytest.mark.faults
async def test_a_redis_that_still_reads_its_file_is_an_outage(scene: Scene) -> None:
    async with operator(scene) as redis, redis.pipeline(transaction=False) as pipe:
        for number in range(LOADED_KEYS):
            pipe.set(f"ballast:{number}", "", ex=600)
        await pipe.execute()
    slow = SlowReader(scene.redis.data, scene.redis.sockets, options={"key-load-delay": str(KEY_DELAY_US)})
    scene.redis.stop()
    slow.start()
    try:
        await until(lambda: is_reading(scene))
        await all_unavailable(scene, *CALLS)
        assert await is_reading(scene)
        await still_stands(scene)

        async def has_read_it() -> bool:
            return not await is_reading(scene)

        await until(has_read_it, within=PATIENCE)
        await recovers(scene)
        await logged_out_for_good(scene)
    finally:
        slow.stop()
