"""Turns: how many may do the same at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most so many at a time per name, first come, first served; nothing is remembered of names without a holder."""

    def __init__(self, at_a_time: int) -> None:
        self._at_a_time = at_a_time
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()

    def are_taken(self, name: str) -> bool:
        semaphore = self._semaphores.get(name)
        return semaphore is not None and semaphore.locked()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        semaphore = self._semaphores.setdefault(name, asyncio.Semaphore(self._at_a_time))
        self._users[name] += 1
        try:
            async with semaphore:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._semaphores[name]
