"""The lag of the event loop, which delays every request."""

import asyncio

from service.histogram import Histogram

EVERY = 0.1  # seconds between two measurements
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag:
    def __init__(self) -> None:
        self.lags = Histogram(LAGS)
        self._worst = 0.0

    async def run_forever(self) -> None:
        """Measure for as long as the service runs."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + EVERY
            await asyncio.sleep(EVERY)
            self.note(clock() - due)

    def note(self, seconds: float) -> None:
        lag = max(seconds, 0.0)  # a timer may fire early, within the clock's resolution
        self.lags.add(lag)
        self._worst = max(self._worst, lag)

    def take_worst(self) -> float:
        """The greatest lag since the last call."""
        worst, self._worst = self._worst, 0.0
        return worst
