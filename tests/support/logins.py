"""Instances with one Redis, and people who log in at them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count

import fakeredis
from redis.asyncio import Redis

from service.domain.events.security_events import write
from service.domain.limits.throttle import Throttle
from service.domain.models import Visitor
from service.errors import InvalidCredentialsError, RateLimitedError
from service.settings import Rate, ThrottleSettings
from service.stores.counters import RedisCounters
from service.stores.scripts import Scripts
from tests.support import builders

MINUTE = timedelta(minutes=1)
ANN, BOB = "ann@example.com", "bob@example.com"
HOME = Visitor(source="203.0.113.7", user_agent="")
MANY = Rate(quota=1000, window=5 * MINUTE)


def throttle(
    redis: Redis | None = None, settings: ThrottleSettings | None = None, max_wait: timedelta = timedelta(seconds=10)
) -> Throttle:
    redis = redis or fakeredis.FakeAsyncRedis()
    counters = RedisCounters(redis, Scripts(redis))
    return Throttle(
        counters,
        settings or ThrottleSettings(),
        lambda text: f"<{text[::-1]}>",
        max_wait,
        events=builders.events(write),
    )


def three(settings: ThrottleSettings | None = None) -> list[Throttle]:
    server = fakeredis.FakeServer()
    return [throttle(fakeredis.FakeAsyncRedis(server=server), settings) for _ in range(3)]


def strangers() -> Callable[[], Visitor]:
    numbers = count()
    return lambda: Visitor(source=f"198.51.{(number := next(numbers)) >> 8}.{number & 255}", user_agent="")


async def guess(limits: Throttle, account: str = ANN, visitor: Visitor = HOME) -> None:
    """A wrong password. Raises what the visitor is told."""
    async with limits.login(account, visitor):
        for _ in range(20):
            await asyncio.sleep(0)  # others get their turn of the loop, as they do during a hash
        raise InvalidCredentialsError


async def log_in(limits: Throttle, account: str = ANN, visitor: Visitor = HOME, error: Exception | None = None) -> None:
    """A right password; `error` strikes after it was judged."""
    async with limits.login(account, visitor) as attempt:
        for _ in range(20):
            await asyncio.sleep(0)
        attempt.succeeded()
        if error:
            raise error


async def outcomes(*tries: Awaitable[None]) -> list[type[BaseException] | None]:
    return [type(said) if said else None for said in await asyncio.gather(*tries, return_exceptions=True)]


async def judged_until_refused(limits: Throttle, account: str = ANN, visitor: Visitor = HOME) -> int:
    for judged in count():
        try:
            await guess(limits, account, visitor)
        except InvalidCredentialsError:
            continue
        except RateLimitedError:
            return judged
    raise AssertionError
