"""Logs a store outage when it starts, when it changes and when it ends, however many requests it fails."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import structlog

from service.ambient import Ambient
from service.domain.operations.readiness import Readiness
from service.operator_errors import ConfigurationError

EVERY = 1.0  # seconds between checks of stores that failed; as long as a readiness result is valid
log = structlog.get_logger(__name__)


class StoreWatch:
    """`store_of` names the store that an error comes from."""

    def __init__(
        self, readiness: Readiness, ambient: Ambient, store_of: Callable[[Exception], str], every: float = EVERY
    ) -> None:
        self._readiness = readiness
        self._store_of = store_of
        self._ambient = ambient
        self._every = every
        self._watching: asyncio.Task[None] | None = None
        self._refused = 0

    def note(self, error: Exception) -> None:
        """A request was refused because of this store error."""
        self._refused += 1
        self._readiness.doubt()
        if self._watching is None or self._watching.done():
            store = self._store_of(error)
            if isinstance(error, ConfigurationError):
                log.error("a store cannot be used", store=store, why=str(error))
            else:
                log.warning("a store does not answer", store=store, error=type(error).__name__)
            # In its own context: the outage does not belong to the request that met it first.
            self._watching = asyncio.create_task(self._watch(), context=Context())

    async def close(self) -> None:
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        began, logged = self._ambient.monotonic(), None
        while True:
            await asyncio.sleep(self._every)
            state = await self._readiness.state()
            if state.is_ready:
                seconds = round(self._ambient.monotonic() - began, 1)
                refused, self._refused = self._refused, 0
                log.warning("the stores answer again", seconds=seconds, refused=refused)
                return
            if state != logged:
                logged = state
                log.warning("stores not ready", postgres=state.postgres, redis=state.redis)
