"""The rate at which refusals of an overload leave, so that clients that retry at once cannot take the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

PER_SECOND = 500  # of one instance; at 600 the slowest hundredth of other calls was seen to wait (decision 0022)
LONGEST_WAIT = 2.0  # seconds; a refusal whose slot lies further ahead is sent at once
AT_ONCE = 20  # refusals in one turn of the event loop, after a stall
TOGETHER = 0.02  # seconds of slots that leave in one turn of the loop: a turn for each costs as much as they do


class Departing(Protocol):
    """A connection that calls `when_gone` once its client hangs up."""

    when_gone: Callable[[], object] | None


class RefusalPace:
    """Refusals leave one after the other, each in its slot, in the order in which they came. Below the rate none waits.

    Times are in seconds of the loop's clock.
    """

    def __init__(
        self, per_second: float = PER_SECOND, longest_wait: float = LONGEST_WAIT, together: float = TOGETHER
    ) -> None:
        self._interval = 1 / per_second
        self._together = together
        self._most = int(per_second * longest_wait)
        self._next_slot = 0.0
        self._turns: deque[asyncio.Future[None]] = deque()  # those of clients that hung up are done, and are skipped
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.waiting = 0

    async def slot(self, connection: Departing) -> bool:
        """Wait for the next slot, or until the client hangs up. False, at once, when the slot is too far ahead."""
        now = asyncio.get_running_loop().time()
        if self._ended or (not self.waiting and now >= self._next_slot):
            self._next_slot = now + self._interval
            return True
        if self.waiting >= self._most:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        self._await_next_slot()
        connection.when_gone = partial(_begin, turn)
        self.waiting += 1
        try:
            await turn
        finally:
            self.waiting -= 1
            connection.when_gone = None
        return True

    def end(self) -> None:
        """Let all who wait go, and hold nobody any more: a server that stops does not wait for them."""
        self._ended = True
        while self._turns:
            _begin(self._turns.popleft())

    def _await_next_slot(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._next_slot + self._together, self._release)

    def _release(self) -> None:
        """Begin the turns whose slots have come. A loop that was late makes up for a few of them, not for all."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._next_slot = max(self._next_slot, now - AT_ONCE * self._interval)
        while self._turns and self._next_slot <= now:
            if _begin(self._turns.popleft()):  # a client that hung up leaves its slot to the next
                self._next_slot += self._interval
        if self._turns:
            self._await_next_slot()


def _begin(turn: asyncio.Future[None]) -> bool:
    """Whether its client was still waiting."""
    if turn.done():
        return False
    turn.set_result(None)
    return True
