"""The bounded queue of password hashes, and the worker threads that serve it."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self, TypeVar

from service.ambient import Ambient
from service.domain.models import Visitor
from service.domain.passwords.answers import answer_on_its_loop
from service.domain.passwords.engine import HashEngine, Job, Match
from service.domain.passwords.fair_share import FairShare, Waiting
from service.errors import AuthError, OverloadedError, UnavailableError
from service.histogram import Histogram

NICENESS = 10  # hashes give way to the event loop: other requests keep their latency, the hash rate stays
WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
NEWEST_WEIGHT = 0.2  # of one measurement in the running average of a hash's time
ComputedT = TypeVar("ComputedT")


class Slot(Waiting):
    """A place in the queue for one job. Use it as a context manager: leaving it releases an unused place."""

    def __init__(self, queue: "HashQueue", visitor: Visitor, account: str | None, since: float) -> None:
        super().__init__(source=visitor.source, account=account, since=since)
        self._queue = queue
        self.visitor = visitor
        self.refusal: AuthError | None = None
        self.work: tuple[Job | Callable[[], object], asyncio.Future[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._queue.release(self)

    async def run(self, job: Job) -> Match:
        """Run the job. Raises OverloadedError when the place was lost, UnavailableError when the queue closes."""
        match: Match = await self._run(job)
        return match

    async def compute(self, work: Callable[[], ComputedT]) -> ComputedT:
        """Something else that costs milliseconds, and is no measure of a hash. Raises as `run` does."""
        computed: ComputedT = await self._run(work)
        return computed

    async def _run(self, work: Job | Callable[[], object]) -> Any:  # noqa: ANN401 - the two above know
        try:
            return await self._queue.submit(self, work)
        finally:
            self._queue.release(self)  # if cancelled: nobody waits for this hash


class HashQueue:
    """A place counts from its reservation on, so an admitted request has room after the reads that precede its hash.

    The queue is full when the places held are more than the workers serve within `max_wait`, by the measured time per
    hash. But one running and one waiting job for each worker are always admitted, so that no worker idles while
    refused clients wait to retry. In a full queue the places are shared fairly, see FairShare.

    The numbers are public for metrics. The lock is held for bookkeeping only, never during a hash.
    """

    def __init__(
        self,
        engine: HashEngine,
        ambient: Ambient,
        *,
        workers: int,
        max_wait: timedelta,
        first_guess: timedelta,
    ) -> None:
        """`first_guess` is the assumed time of one hash, while all workers hash, until it is measured."""
        self.workers = workers
        self.running = 0
        self.refused = 0
        self.abandoned = 0  # places whose visitors had disconnected when their turn came, or when they lost the place
        self.waits = Histogram(WAITS)  # seconds from the reservation of a place to the start of its hash
        self.hashes = Histogram()  # seconds of one hash
        self.hash_seconds = first_guess.total_seconds()  # of one hash, while all workers hash
        self._measured = False
        self.engine = engine
        self._ambient = ambient
        self._max_wait = max_wait.total_seconds()
        self._places: FairShare[Slot] = FairShare()
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Places that are reserved or whose job has not started."""
        return self._places.count

    @property
    def capacity(self) -> int:
        """How many places may be held at once, running ones included."""
        within_wait = int(self._max_wait * self.workers / self.hash_seconds) + 1
        return max(within_wait, 2 * self.workers)

    def refuse_if_full(self, visitor: Visitor) -> None:
        """Raise OverloadedError if `reserve` would do so for any account. Cheap: call it before anything else."""
        with self._changed:
            self._admit(visitor.source, None)

    def reserve(self, visitor: Visitor, account: str | None = None) -> Slot:
        """Take a place. Raises OverloadedError at once when there is none."""
        with self._changed:
            loser = self._admit(visitor.source, account)
            if loser is not None:
                self._places.remove(loser)
                self._turn_away(loser, self._refusal_of(loser))
            place = Slot(self, visitor, account, self._ambient.monotonic())
            self._places.add(place)
        return place

    def submit(self, place: Slot, work: Job | Callable[[], object]) -> asyncio.Future[Any]:
        """For `Slot`."""
        with self._changed:
            if place.refusal is not None:
                raise place.refusal
            if place.ready or place not in self._places:
                raise RuntimeError("a place is good for one job, while it is held")
            done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            place.work = work, done
            self._places.make_ready(place)
            if not self._threads:
                self._start()
            self._changed.notify()
        return done

    def release(self, place: Slot) -> None:
        """For `Slot`: release a place whose job has not started. A running job runs to its end."""
        with self._changed:
            if place in self._places:
                self._places.remove(place)

    async def close(self) -> None:
        """Refuse waiting jobs with UnavailableError, let running ones finish, end the threads."""
        with self._changed:
            self._closed = True
            for place in self._places.all():
                self._places.remove(place)
                self._turn_away(place, UnavailableError())
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    # --- under the lock

    def _admit(self, source: str, account: str | None) -> Slot | None:
        """None when there is room, or else the place that is lost."""
        if self._closed:
            raise UnavailableError
        if self.waiting + self.running < self.capacity:
            return None
        loser = self._places.loser_to(source, account)
        if loser is None:
            self.refused += 1
            raise OverloadedError(self._until_room)
        return loser

    def _until_room(self) -> timedelta:
        too_many = max(1, self.waiting + self.running - self.capacity + 1)
        return timedelta(seconds=too_many * self.hash_seconds / self.workers)

    def _refusal_of(self, place: Slot) -> OverloadedError:
        has_gone = place.visitor.is_gone() or place.visitor.has_hung_up()
        self.abandoned += has_gone
        self.refused += not has_gone
        return OverloadedError() if has_gone else OverloadedError(self._until_room)

    def _turn_away(self, place: Slot, refusal: AuthError) -> None:
        place.refusal = refusal
        if place.work is not None:
            answer_on_its_loop(place.work[1], refusal)

    def _next(self) -> Slot | None:
        # No response takes longer than the longest wait, one hash ahead and its own: few clients would still be there.
        too_old = self._ambient.monotonic() - self._max_wait - 2 * self.hash_seconds
        while (place := self._places.take()) is not None:
            if not place.visitor.is_gone() and place.since >= too_old:
                return place
            self._turn_away(place, self._refusal_of(place))
        return None

    def _measure(self, seconds: float, was_full: bool) -> None:  # noqa: FBT001 - it is called once
        """Workers share cores, so a hash takes longest while all of them hash; that time decides who has room."""
        if seconds > (0 if was_full else self.hash_seconds):  # a coarse clock may measure 0 for a cheap hash
            weight = NEWEST_WEIGHT if self._measured else 1
            self.hash_seconds += weight * (seconds - self.hash_seconds)
            self._measured = True

    # --- in the worker threads

    def _start(self) -> None:
        for number in range(self.workers):
            self._threads.append(threading.Thread(target=self._serve, name=f"hash-{number}", daemon=True))
            self._threads[-1].start()

    def _serve(self) -> None:
        if sys.platform == "linux":  # where each thread has its own priority
            with contextlib.suppress(OSError):  # its niceness is higher already
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while place := self._take():
            self._hash(place)

    def _take(self) -> Slot | None:
        """Wait for a job. None when the queue is closed."""
        with self._changed:
            while (place := self._next()) is None and not self._closed:
                self._changed.wait()
            self.running += place is not None
        return place

    def _hash(self, place: Slot) -> None:
        assert place.work is not None  # noqa: S101 - a ready place has a job
        work, done = place.work
        started, full_before = self._ambient.monotonic(), self.running == self.workers
        answer: object
        try:
            answer = self.engine.verify(work) if isinstance(work, Job) else work()
            seconds = self._ambient.monotonic() - started
            if isinstance(work, Job) and work.besides and isinstance(answer, Match) and answer.same:
                work.besides()
        except BaseException as error:  # noqa: BLE001 - compiled code can panic, which is no Exception; keep the thread
            seconds = self._ambient.monotonic() - started
            answer = RuntimeError("the hash engine failed")
            answer.__cause__ = error
        with self._changed:
            if isinstance(work, Job):
                self._measure(seconds, full_before and self.running == self.workers)
                self.hashes.add(seconds)
            self.running -= 1
            self.waits.add(started - place.since)
        answer_on_its_loop(done, answer)
