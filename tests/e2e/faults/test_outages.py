"""When a store fails: 503 in time and nothing worse, and back to work by itself."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from service.embedded import EmbeddedPostgres, EmbeddedRedis
from service.embedded.server import EmbeddedServer
from tests.support.fault_instances import Instance
from tests.support.outages import CALLS, Scene, all_unavailable, burst_unavailable, recovers, still_stands
from tests.support.waiting import until


async def configure(scene: Scene, name: str, value: str) -> None:
    async with Redis.from_url(scene.redis.url) as redis:
        await redis.config_set(name, value)


@pytest.mark.parametrize(
    ("fail", "mend"), [(EmbeddedRedis.kill, EmbeddedRedis.start), (EmbeddedRedis.pause, EmbeddedRedis.resume)]
)
async def test_without_redis_every_call_is_503_in_time_and_recovers(
    scene: Scene, fail: Callable[[EmbeddedRedis], None], mend: Callable[[EmbeddedRedis], None]
) -> None:
    fail(scene.redis)
    await all_unavailable(scene, *CALLS)
    await burst_unavailable(scene, "me", "refresh", "log out")
    await still_stands(scene)
    mend(scene.redis)
    await recovers(scene)
    assert (await scene.client.me(scene.spare)).status == 401  # it was logged out while recovering


async def test_balancers_are_told_as_soon_as_a_call_was_refused(scene: Scene) -> None:
    assert await scene.is_ready()
    scene.redis.kill()
    assert (await scene.hear("me")).status == 503
    assert not await scene.is_ready()
    scene.redis.start()
    await recovers(scene)


@pytest.mark.parametrize(
    ("fail", "mend"),
    [(EmbeddedPostgres.kill, EmbeddedPostgres.start), (EmbeddedPostgres.pause, EmbeddedPostgres.resume)],
)
async def test_without_postgres_every_call_is_503_in_time_and_recovers(
    scene: Scene, fail: Callable[[EmbeddedPostgres], None], mend: Callable[[EmbeddedPostgres], None]
) -> None:
    assert (await scene.call("api key")).status == 200
    fail(scene.postgres)
    await all_unavailable(scene, *CALLS, "api key")
    await burst_unavailable(scene, "me", "refresh", "log out", "api key")
    await still_stands(scene)
    mend(scene.postgres)
    await recovers(scene)
    assert (await scene.call("api key")).status == 200


async def test_a_killed_postgres_loses_no_acknowledged_write(scene: Scene) -> None:
    newcomer = await scene.client.sign_up()
    assert (await scene.client.log_out(scene.spare)).status == 200
    scene.postgres.kill()
    scene.redis.kill()
    shutil.rmtree(scene.redis.data)  # so that Postgres alone remembers the logout
    scene.redis.start()
    scene.postgres.start()
    await recovers(scene, but=("refresh", "log out"))
    assert (await scene.client.log_in(newcomer))["apiKey"] == newcomer["apiKey"]
    assert (await scene.client.me(scene.spare)).status == 401
    assert (await scene.client.refresh(scene.spare)).status == 401


async def test_a_killed_redis_loses_no_acknowledged_write(scene: Scene) -> None:
    newest = await scene.client.log_in(scene.person)
    assert (await scene.client.log_out(scene.spare)).status == 200
    scene.redis.kill()
    scene.redis.start()
    await recovers(scene, but=("log out",))
    assert (await scene.client.refresh(newest)).status == 200
    assert (await scene.client.me(scene.spare)).status == 401
    assert (await scene.client.refresh(scene.spare)).status == 401


async def test_redis_restarted_empty_is_healed(scene: Scene) -> None:
    scene.redis.kill()
    shutil.rmtree(scene.redis.data)
    scene.redis.start()
    await recovers(scene, but=("refresh",))
    assert (await scene.client.refresh(scene.tokens)).status == 401  # its session is lost, and the service says so
    assert (await scene.client.me(scene.spare)).status == 401


async def test_a_full_redis_refuses_what_it_cannot_keep_and_answers_the_rest(scene: Scene) -> None:
    await configure(scene, "maxmemory", "1")
    await all_unavailable(scene, "login", "refresh", "log out")
    assert (await scene.hear("me")).status == 200
    assert (await scene.hear("api key")).status == 200
    for path in ("/healthz", "/.well-known/jwks.json"):
        assert (await scene.client.get(path)).status == 200
    await configure(scene, "maxmemory", "0")
    await recovers(scene)
    assert (await scene.client.me(scene.spare)).status == 401


async def test_a_full_redis_refuses_what_must_be_counted(scene: Scene, instance: Instance) -> None:
    limited = await instance(throttle={"exempt": []})
    strict = replace(scene, client=limited)
    await configure(scene, "maxmemory", "1")
    await all_unavailable(strict, "login", "sign up", "refresh", "log out")
    await configure(scene, "maxmemory", "0")
    await recovers(strict)


async def test_a_redis_that_may_evict_is_not_ready_until_it_is_set_right(scene: Scene) -> None:
    assert await scene.is_ready()
    await configure(scene, "maxmemory-policy", "allkeys-lru")

    async def tells() -> bool:
        answer = await scene.client.get("/readyz")
        return answer.status == 503 and "noeviction" in await answer.text()

    await until(tells)
    await configure(scene, "maxmemory-policy", "noeviction")
    await until(scene.is_ready)


@pytest.mark.parametrize(
    ("fail", "mend"),
    [(EmbeddedServer.kill, EmbeddedServer.start), (EmbeddedServer.pause, EmbeddedServer.resume)],
)
async def test_without_both_stores_every_call_is_503_in_time_and_recovers(
    scene: Scene, fail: Callable[[EmbeddedServer], None], mend: Callable[[EmbeddedServer], None]
) -> None:
    for server in (scene.redis, scene.postgres):
        fail(server)
    await all_unavailable(scene, *CALLS, "api key")
    await still_stands(scene)
    for server in (scene.redis, scene.postgres):
        mend(server)
    await recovers(scene)
