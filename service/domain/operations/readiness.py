"""Whether this instance can serve: asked by balancers about once a second, answered from recent checks.

A round of checks is valid for a second, or until a request meets an outage.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from service.ambient import Ambient
from service.operator_errors import ConfigurationError

FRESH = timedelta(seconds=1)
LOOKS_EVERY = timedelta(seconds=2)
PATIENCE = timedelta(seconds=1)
PACE = timedelta(seconds=0.1)  # between two rounds of checks, however many requests fail


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """`ok`, or the fault in a few words."""

    postgres: str
    redis: str

    @property
    def is_ready(self) -> bool:
        return self.postgres == self.redis == "ok"


class Readiness:
    """Each check returns a word. An outage, or a check that exceeds its timeout, counts as `no answer`."""

    def __init__(
        self, postgres: Callable[[], Awaitable[str]], redis: Callable[[], Awaitable[str]], ambient: Ambient
    ) -> None:
        self._checks: Mapping[str, Callable[[], Awaitable[str]]] = {"postgres": postgres, "redis": redis}
        self._ambient = ambient
        self._asked_at = -FRESH.total_seconds()
        self._asking: asyncio.Task[ReadinessReport] | None = None
        self._is_doubted = False  # a request met an outage since the last round of checks began
        self.is_open = False  # true once the service has prepared its stores
        self.is_closing = False

    async def state(self) -> ReadinessReport:
        if self.is_closing:
            return ReadinessReport("shutting down", "shutting down")
        if not self.is_open:
            return ReadinessReport("starting", "starting")
        state = await self._latest()
        return await self._latest() if self._is_refuted(state) else state  # an outage was met during the round

    async def run_forever(self) -> None:
        """Check even if no balancer asks: the results, such as a wrong clock, decide what is served."""
        while True:
            await asyncio.sleep(LOOKS_EVERY.total_seconds())
            await self.state()

    def doubt(self) -> None:
        """A store failed a request: an earlier `ok` is no longer valid."""
        self._is_doubted = True

    async def _latest(self) -> ReadinessReport:
        if self._asking is None or (self._asking.done() and not self._is_good(self._asking.result())):
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    def _is_good(self, state: ReadinessReport) -> bool:
        return self._age() < FRESH.total_seconds() and not self._is_refuted(state)

    def _is_refuted(self, state: ReadinessReport) -> bool:
        return state.is_ready and self._is_doubted

    def _age(self) -> float:
        return self._ambient.monotonic() - self._asked_at

    async def _ask(self) -> ReadinessReport:
        await asyncio.sleep(PACE.total_seconds() - self._age())
        self._asked_at, self._is_doubted = self._ambient.monotonic(), False
        postgres, redis = await asyncio.gather(*(_checked(check) for check in self._checks.values()))
        return ReadinessReport(postgres, redis)


async def _checked(check: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await check()
    except ConfigurationError:
        return "refuses this configuration"
    except Exception:  # noqa: BLE001 - after any error the store is not ready
        return "no answer"
