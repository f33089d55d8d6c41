"""Refusals of an overload leave one after the other, at a bounded rate. The loop's clock goes on when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from service.http.refusal_pace import AT_ONCE, PER_SECOND, RefusalPace

pytestmark = pytest.mark.sets_the_loop_s_clock


class Refused:
    """A client that is refused, and its connection."""

    def __init__(self, pace: RefusalPace) -> None:
        self.when_gone: Callable[[], object] | None = None
        self._answer = asyncio.create_task(pace.slot(self))

    @property
    def has_left(self) -> bool:
        return self._answer.done()

    @property
    def in_its_slot(self) -> bool:
        return self._answer.result()

    def hang_up(self) -> None:
        assert self.when_gone is not None
        self.when_gone()

    def cancel(self) -> None:
        self._answer.cancel()


class Clock:
    """The loop's clock, which stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self._now)

    async def advance(self, seconds: float) -> None:
        self.jump(seconds)
        await settled()

    def jump(self, seconds: float) -> None:
        """No timer has run yet when this returns."""
        self._now += seconds


async def settled() -> None:
    """Until nothing is left to do now."""
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.fixture
async def clock() -> AsyncIterator[Clock]:
    with pytest.MonkeyPatch.context() as patched:
        yield Clock(asyncio.get_running_loop(), patched)


async def refuse(pace: RefusalPace, count: int) -> list[Refused]:
    refused = [Refused(pace) for _ in range(count)]
    await settled()
    return refused


def left(refused: list[Refused]) -> list[int]:
    return [number for number, one in enumerate(refused) if one.has_left]


async def test_below_the_rate_no_refusal_waits(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=9, together=0)
    for _ in range(5):
        assert left(await refuse(pace, 1)) == [0]
        await clock.advance(1)


async def test_above_it_each_leaves_in_its_slot_in_the_order_of_coming(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=9, together=0)
    refused = await refuse(pace, 4)
    assert left(refused) == [0]
    await clock.advance(0.9)
    assert left(refused) == [0]
    for seen in ([0, 1], [0, 1, 2], [0, 1, 2, 3]):
        await clock.advance(1)
        assert left(refused) == seen
    assert all(one.in_its_slot for one in refused)


async def test_those_of_some_slots_leave_together(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=9, together=2.5)
    refused = await refuse(pace, 6)
    assert left(refused) == [0]
    await clock.advance(3.4)
    assert left(refused) == [0]
    await clock.advance(0.2)
    assert left(refused) == [0, 1, 2, 3]
    await clock.advance(2.8)
    assert left(refused) == [0, 1, 2, 3]
    await clock.advance(0.2)
    assert left(refused) == [0, 1, 2, 3, 4, 5]


async def test_a_newcomer_does_not_overtake_those_who_wait(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=9, together=0)
    refused = await refuse(pace, 3)
    clock.jump(1)
    refused += await refuse(pace, 1)
    assert left(refused) == [0, 1]
    await clock.advance(1)
    assert left(refused) == [0, 1, 2]


async def test_a_refusal_whose_slot_is_too_far_ahead_leaves_at_once_and_out_of_its_slot(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=2, together=0)
    refused = await refuse(pace, 4)
    assert left(refused) == [0, 3]
    assert not refused[3].in_its_slot
    await clock.advance(1)
    assert left(refused + await refuse(pace, 2)) == [0, 1, 3, 5]


async def test_a_client_that_hangs_up_frees_its_place_and_its_slot(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=2, together=0)
    refused = await refuse(pace, 3)
    refused[1].hang_up()
    await settled()
    assert left(refused) == [0, 1]
    refused += await refuse(pace, 1)
    assert left(refused) == [0, 1]  # the newcomer waits in the freed place
    await clock.advance(1)
    assert left(refused) == [0, 1, 2]
    assert pace.waiting == 1


async def test_a_cancelled_refusal_frees_its_place_too(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=9, together=0)
    refused = await refuse(pace, 3)
    refused[1].cancel()
    await clock.advance(1)
    assert left(refused) == [0, 1, 2]
    assert pace.waiting == 0
    assert refused[2].when_gone is None


async def test_a_loop_that_stalled_makes_up_for_a_few_slots_and_not_for_all(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=99, together=0)
    refused = await refuse(pace, 90)
    await clock.advance(60)
    assert AT_ONCE <= len(left(refused)) - 1 <= AT_ONCE + 1
    before = len(left(refused))
    await clock.advance(1)
    assert len(left(refused)) == before + 1


async def test_at_the_end_nobody_waits_any_more(clock: Clock) -> None:
    pace = RefusalPace(per_second=1, longest_wait=2, together=0)
    refused = await refuse(pace, 3)
    pace.end()
    await settled()
    assert left(refused + await refuse(pace, 3)) == [0, 1, 2, 3, 4, 5]
    await clock.advance(5)


async def test_the_shipped_rate_holds_a_refusal_for_two_seconds_at_most(clock: Clock) -> None:
    pace = RefusalPace()
    refused = await refuse(pace, 2500)
    kept = [one for one in refused if not one.has_left]
    outcomes: dict[str, Any] = {
        "kept": len(kept),
        "at once": sum(not one.in_its_slot for one in refused if one.has_left),
    }
    assert outcomes == {"kept": 2 * PER_SECOND, "at once": 2499 - 2 * PER_SECOND}
    for _ in range(2021):  # milliseconds, with those for which slots leave together
        await clock.advance(0.001)
    assert all(one.has_left and one.in_its_slot for one in kept)
