"""Instances whose clocks do not agree."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.embedded import Stores
from tests.conftest import Client, bearer
from tests.support.fault_instances import Instance
from tests.support.waiting import until

LEEWAY = 5.0  # seconds; the default of `tokens.leeway`
DAY = 86_400.0
QUOTA = 5  # failed logins of one source to one account


AGE_KEYS = """
    UPDATE signing_keys SET created_at = created_at - interval '30 days', activates_at = activates_at - interval '30 days'
"""


@pytest.fixture
async def here(own: Stores, instance: Instance) -> Client:
    """An instance of an installation that is older than any clock is wrong."""
    client = await instance()
    async with asyncpg.create_pool(own.postgres.url, min_size=1, max_size=1) as postgres:
        await postgres.execute(AGE_KEYS)
    return client


class Skewed(Ambient):
    """A clock that is ahead by so many seconds, or behind."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.step(seconds)

    def step(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._ahead


@pytest.mark.parametrize("seconds", [LEEWAY - 1, 1 - LEEWAY])
async def test_clocks_that_differ_by_less_than_the_leeway_are_no_matter(
    here: Client, instance: Instance, seconds: float
) -> None:
    there = await instance(Skewed(seconds))
    person = await here.sign_up()
    for one, other in ((here, there), (there, here)):
        tokens = await one.log_in(person)
        assert (await other.me(tokens)).status == 200
        assert (await other.refresh(tokens)).status == 200
        assert (await other.log_out(tokens)).status == 200
        assert (await one.me(tokens)).status == (await one.refresh(tokens)).status == 401


@pytest.mark.parametrize(("seconds", "how"), [(60.0, "60 s ahead"), (-7200.0, "7200 s behind")])
async def test_an_instance_with_a_wrong_clock_is_not_ready_and_says_which_clock(
    here: Client, instance: Instance, seconds: float, how: str
) -> None:
    there = await instance(Skewed(seconds))
    assert (await here.get("/readyz")).status == 200

    async def said() -> str:
        answer = await there.get("/readyz")
        return await answer.text() if answer.status == 503 else ""

    await until(lambda: _is(said, f"the clock of this instance is {how}"), within=30)
    person = await here.sign_up()
    tokens = await here.log_in(person)
    for answer in (
        await there.post("/auth/login", {"email": person["email"], "password": person["password"]}),
        await there.me(tokens),
        await there.refresh(tokens),
        await there.log_out(tokens),
        await there.get("/auth/verify", **bearer(tokens)),
        await there.get("/auth/revocations"),
    ):
        assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    assert (await there.get("/healthz")).status == (await there.get("/.well-known/jwks.json")).status == 200
    assert (await here.me(tokens)).status == 200


async def test_an_instance_that_starts_with_a_wrong_clock_serves_nobody_though_nobody_asks_for_its_readiness(
    here: Client, instance: Instance
) -> None:
    tokens = await here.log_in(await here.sign_up())
    there = await instance(Skewed(-60.0))
    assert (await there.me(tokens)).status == (await there.refresh(tokens)).status == 503


async def test_a_clock_that_steps_is_found_out_and_forgiven_when_it_is_right_again(instance: Instance) -> None:
    clock = Skewed()
    client = await instance(clock)
    tokens = await client.log_in(await client.sign_up())
    for seconds, status in ((DAY, 503), (0.0, 200), (-DAY, 503), (0.0, 200)):
        clock.step(seconds)

        async def is_found_out(status: int = status) -> bool:
            return (await client.get("/readyz")).status == status

        await until(is_found_out, within=30)
        assert (await client.me(tokens)).status == status


async def _is(said: Callable[[], Awaitable[str]], word: str) -> bool:
    return word in await said()


async def test_an_ending_by_an_instance_that_is_behind_outlives_the_memory_of_redis(
    own: Stores, here: Client, instance: Instance
) -> None:
    clock = Skewed()
    behind = await instance(clock)
    clock.step(-7200.0)  # nobody has asked whether it is ready since
    person = await here.sign_up()
    tokens = await behind.log_in(person)
    assert (await behind.log_out(tokens)).status == 200
    async with Redis.from_url(own.redis.url) as redis:
        await redis.flushall()

    async def is_dead() -> bool:
        answer = await behind.get("/auth/verify", **bearer(tokens))
        assert answer.status in (401, 503)
        return answer.status == 401

    await until(is_dead, within=30)


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [60.0, -60.0, DAY, -DAY])
async def test_a_clock_that_is_not_found_out_yet_refuses_tokens_and_lets_no_dead_one_in(
    here: Client, instance: Instance, seconds: float
) -> None:
    clock = Skewed()
    there = await instance(clock)
    clock.step(seconds)
    person = await here.sign_up()
    for one, other in ((here, there), (there, here)):
        tokens = await one.log_in(person)
        assert (await one.me(tokens)).status == 200
        assert (await other.me(tokens)).status in (200, 401)
        assert (await one.log_out(tokens)).status == 200
        for client in (one, other):
            assert (await client.me(tokens)).status == (await client.refresh(tokens)).status == 401


async def test_limits_go_by_the_clock_of_redis(instance: Instance) -> None:
    limited: dict[str, Any] = {"throttle": {"exempt": []}}
    clock = Skewed()
    here, ahead = await instance(**limited), await instance(clock, **limited)
    clock.step(DAY)
    person = await here.sign_up()
    wrong = {"email": person["email"], "password": "Wrong-Pass1!"}
    statuses = [(await one.post("/auth/login", wrong)).status for one in (here, ahead) * QUOTA]
    assert statuses == [401] * QUOTA + [429] * QUOTA
