"""Concurrency limits by name."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from service.errors import UnavailableError


class Turns:
    """At most `at_a_time` holders per name, first come, first served. Unused names take no memory."""

    def __init__(self, at_a_time: int) -> None:
        self._at_a_time = at_a_time
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()

    def are_taken(self, name: str) -> bool:
        semaphore = self._semaphores.get(name)
        return semaphore is not None and semaphore.locked()

    @asynccontextmanager
    async def turn(self, name: str, within: timedelta | None = None) -> AsyncIterator[None]:
        """Raises UnavailableError when no slot became free within that time."""
        semaphore = self._semaphores.setdefault(name, asyncio.Semaphore(self._at_a_time))
        self._users[name] += 1
        try:
            try:
                async with asyncio.timeout(within.total_seconds() if within else None):
                    await semaphore.acquire()
            except TimeoutError:
                raise UnavailableError from None
            try:
                yield
            finally:
                semaphore.release()
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._semaphores[name]
