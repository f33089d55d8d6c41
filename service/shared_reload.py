"""A reload from a store that concurrent callers share, and that is not repeated for a while."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from service.ambient import Ambient


class SharedReload:
    """Limits a reload that strangers can cause at any rate to one in `every` seconds."""

    def __init__(
        self, look: Callable[[], Coroutine[Any, Any, None]], ambient: Ambient, every: float, after_failure: float
    ) -> None:
        """`every`, `after_failure`: seconds from the start of a reload to the start of the next one."""
        self._look = look
        self._ambient = ambient
        self._every = every
        self._after_failure = after_failure
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    async def ask(self) -> None:
        """Raises the reload's error, also that of an earlier reload that still counts."""
        if self._looking is None or self._may_look(self._looking):
            self._looked_at = self._ambient.monotonic()
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    def _may_look(self, last: asyncio.Task[None]) -> bool:
        if not last.done():
            return False
        failed = last.cancelled() or last.exception() is not None
        return self._ambient.monotonic() - self._looked_at >= (self._after_failure if failed else self._every)
