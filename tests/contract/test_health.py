"""How full Redis is: what a real one says, and what is made of several."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.stores.health import RedisHealth, wrong_clock
from service.stores.redis import RedisServer

LIMIT = 1 << 30


@pytest.fixture
async def limited(redis: Redis) -> AsyncIterator[Redis]:
    """It serves the other tests as well, and must not stay limited."""
    await redis.config_set("maxmemory", LIMIT)
    yield redis
    await redis.config_set("maxmemory", 0)


async def test_a_redis_with_a_limit_says_how_much_of_it_is_used(limited: Redis) -> None:
    health = RedisHealth(limited, RedisServer(), Ambient())
    assert await health.check() == "ok"
    used = (await limited.info("memory"))["used_memory"]
    assert health.fullness == pytest.approx(used / LIMIT, rel=0.5)


async def test_without_a_limit_there_is_no_ratio_any_more(limited: Redis) -> None:
    health = RedisHealth(limited, RedisServer(), Ambient())
    await health.check()
    assert health.fullness
    await limited.config_set("maxmemory", 0)
    assert await health.check() == "ok"
    assert health.fullness is None


class Told(Redis):
    """A server that says this of itself, or nothing."""

    def __init__(self, *, used: int = 0, limit: int = 0, role: str = "master", is_silent: bool = False) -> None:
        super().__init__()
        self._said = {
            "run_id": "a run",
            "master_replid": "a history",
            "role": role,
            "maxmemory_policy": "noeviction",
            "used_memory": used,
            "maxmemory": limit,
            "server_time_usec": 0,
        }
        self._is_silent = is_silent

    async def execute_command(self, *args: object, **options: object) -> object:  # noqa: ARG002 - redis-py's own signature
        if self._is_silent:
            raise ConnectionError
        return self._said


class Several(RedisServer):
    """Behind one client, as in a cluster."""

    def __init__(self, *told: Told) -> None:
        super().__init__()
        self.told = told

    async def primaries(self, redis: Redis) -> Sequence[tuple[Redis, RedisServer]]:  # noqa: ARG002 - one server needs it
        return [(one, RedisServer()) for one in self.told]


async def test_of_several_the_fullest_primary_counts(redis: Redis) -> None:
    others = Told(used=1, limit=2), Told(used=9), Told(is_silent=True), Told(used=2, limit=2, role="slave")
    health = RedisHealth(redis, Several(*others, Told(used=3, limit=4)), Ambient())
    await health.check()
    assert health.fullness == 0.75


async def test_when_nobody_answers_no_older_figure_is_told(redis: Redis) -> None:
    servers = Several(Told(used=3, limit=4))
    health = RedisHealth(redis, servers, Ambient())
    await health.check()
    assert health.fullness == 0.75
    servers.told = (Told(is_silent=True),)
    assert await health.check() == "no answer"
    assert health.fullness is None


@pytest.mark.parametrize(
    ("postgres", "redis", "said"),
    [
        (5, 0, ""),
        (-5, 7200, ""),  # that of Redis alone does no harm
        (7200, 7201, "the clock of this instance is 7200 s behind"),
        (-60, -61, "the clock of this instance is 60 s ahead"),
        (60, 1, "the clock of Postgres is 60 s ahead"),
        (-60, -1, "the clock of Postgres is 60 s behind"),
        (60, None, "the clock of this instance is 60 s behind"),
    ],
)
def test_of_three_clocks_the_one_that_differs_is_named(postgres: int, redis: int | None, said: str) -> None:
    ahead = None if redis is None else timedelta(seconds=redis)
    assert wrong_clock(timedelta(seconds=postgres), ahead, timedelta(seconds=5)) == said
