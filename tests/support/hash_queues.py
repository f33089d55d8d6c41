"""A hash queue to look at from outside, with an engine that works when told to and a clock that moves when told to."""

import asyncio
import os
import threading
from datetime import timedelta

from service.ambient import Ambient
from service.domain.models import Visitor
from service.domain.passwords.engine import Job, Match
from service.domain.passwords.hash_queue import HashQueue, Slot
from tests.support.waiting import PATIENCE

SECOND = timedelta(seconds=1)
ANN, BOB, EVE = Visitor("192.0.2.1"), Visitor("192.0.2.2"), Visitor("192.0.2.3")


class Clock(Ambient):
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class GatedEngine:
    """Hashes when told to, in `cost` seconds of the clock; the answer carries the password back."""

    name = "gated"
    threads_per_core = 1

    def __init__(self, clock: Clock) -> None:
        self.cost = 1.0
        self.order: list[str] = []
        self.priority = 0
        self._clock = clock
        self._begun = threading.Semaphore(0)
        self._gate = threading.Semaphore(0)

    def verify(self, job: Job) -> Match:
        self.order.append(job.password)
        self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self._begun.release()
        self._gate.acquire()
        self._clock.seconds += self.cost
        if job.password == "broken":
            raise SystemExit("as a panic of compiled code would")
        return Match(same=True, upgraded=job.password)

    async def begin(self) -> None:
        """Until a worker holds one more job."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=PATIENCE)

    def finish(self, jobs: int = 1) -> None:
        self._gate.release(jobs)


class GatedQueue:
    """A queue under test, with one worker and room for five places unless told otherwise."""

    def __init__(self, workers: int = 1, max_wait: timedelta = 4 * SECOND) -> None:
        self.clock = Clock()
        self.engine = GatedEngine(self.clock)
        self.queue = HashQueue(
            self.engine,
            self.clock,
            workers=workers,
            max_wait=max_wait,
            first_guess=SECOND,
        )

    async def ask(self, visitor: Visitor, password: str, account: str | None = None) -> asyncio.Task[Match]:
        """A visitor whose job is in the queue when this returns."""
        task = asyncio.create_task(self._run(self.queue.reserve(visitor, account), password))
        await asyncio.sleep(0)
        return task

    async def _run(self, place: Slot, password: str) -> Match:
        with place:
            return await place.run(Job(password, "stored"))

    def fill(self, visitor: Visitor, places: int, account: str | None = None) -> list[Slot]:
        return [self.queue.reserve(visitor, account) for _ in range(places)]

    async def close(self) -> None:
        self.engine.finish(100)
        await self.queue.close()
