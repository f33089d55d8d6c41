"""How far a fault has come is told by what the service answers meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError

from tests.e2e.history.grounds import Ground
from tests.support.waiting import until

A_WHILE = 2.0  # seconds that something stays broken
TAKES_OVER = 30.0  # seconds for another server to be primary, for an old one to be told, for the service to serve again
ENOUGH = 40  # operations between two steps of a fault


async def becomes(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Until a server says so; it may end connections or be gone meanwhile."""

    async def says_so() -> bool:
        with suppress(RedisError, OSError):
            return await is_so()
        return False

    await until(says_so, within=TAKES_OVER)


async def traffic(ground: Ground, count: int = ENOUGH) -> None:
    """Until so many more operations were answered well."""
    began = len(ground.history.operations)

    async def was_enough() -> bool:
        return sum(200 <= one.status < 300 for one in ground.history.operations[began:]) >= count

    await until(was_enough, within=TAKES_OVER)
