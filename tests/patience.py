"""Waiting until something is so, and no longer."""

import asyncio
from collections.abc import Awaitable, Callable

STEP = 0.02  # seconds between two looks


async def until(is_so: Callable[[], Awaitable[object]], within: float, step: float = STEP) -> float:
    """The seconds until `is_so` said something true. Raises TimeoutError when it does not `within` so many."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.timeout(within):
        while True:
            if await is_so():
                return clock() - began
            await asyncio.sleep(step)
