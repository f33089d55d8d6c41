"""The queue before the hashes: its bound, its batches, and what it does not hash."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.domain.models import Visitor
from service.domain.passwords.engine import Job, Match
from service.errors import OverloadedError, UnavailableError
from tests.support.hash_queues import ANN, BOB, EVE, SECOND, Hall


@pytest_asyncio.fixture
async def hall() -> AsyncIterator[Hall]:
    hall = Hall()
    yield hall
    await hall.close()


# --- the bound


async def test_a_full_queue_refuses_at_once_and_says_when_there_is_room(hall: Hall) -> None:
    hall.fill(ANN, 5)
    for ask in (hall.queue.refuse_if_full, hall.queue.reserve):
        with pytest.raises(OverloadedError) as refusal:
            ask(ANN)
        assert refusal.value.retry_after == SECOND
    assert (hall.queue.waiting, hall.queue.refused) == (5, 2)


async def test_a_place_that_was_not_used_is_given_back(hall: Hall) -> None:
    hall.fill(ANN, 4)
    with hall.queue.reserve(ANN), pytest.raises(OverloadedError):
        hall.queue.refuse_if_full(ANN)
    hall.queue.refuse_if_full(ANN)
    assert hall.queue.waiting == 4


async def test_a_running_job_holds_its_place_until_it_is_done(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    hall.fill(ANN, 4)
    assert (hall.queue.waiting, hall.queue.running) == (4, 1)
    with pytest.raises(OverloadedError):
        hall.queue.reserve(ANN)
    hall.engine.finish()
    assert await running == Match(same=True, upgraded="one")
    hall.fill(ANN, 1)
    assert (hall.queue.waiting, hall.queue.running, hall.queue.hashes.count) == (5, 0, 1)


async def test_the_bound_follows_the_measured_time_of_a_hash(hall: Hall) -> None:
    hall.engine.cost = 2.0
    hall.engine.finish(2)
    await (await hall.ask(ANN, "the first measurement replaces the guess"))
    assert (hall.queue.hash_seconds, hall.queue.capacity) == (2.0, 3)
    hall.engine.cost = 1.0
    await (await hall.ask(ANN, "later ones move the average"))
    assert hall.queue.hash_seconds == pytest.approx(1.8)


async def test_a_shrinking_bound_makes_the_wait_longer(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    hall.fill(ANN, 4)
    hall.engine.cost = 2.0
    hall.engine.finish()
    await running
    with pytest.raises(OverloadedError) as refusal:
        hall.queue.reserve(ANN)
    assert refusal.value.retry_after == 4 * SECOND  # two of the four must be done before three places suffice


async def test_workers_do_not_idle_because_one_hash_takes_longer_than_the_longest_wait() -> None:
    hall = Hall(workers=2, max_wait=SECOND / 10)
    hall.fill(ANN, 4)
    with pytest.raises(OverloadedError):
        hall.queue.reserve(ANN)


async def test_a_clock_too_coarse_to_see_a_hash_measures_nothing(hall: Hall) -> None:
    hall.engine.cost = 0.0
    hall.engine.finish()
    await (await hall.ask(ANN, "cheap"))
    assert hall.queue.hash_seconds == 1.0


# --- several hashes at once


async def test_a_worker_takes_as_many_jobs_as_the_engine_has_lanes(hall: Hall) -> None:
    hall.engine.lanes = 4
    tasks = [await hall.ask(ANN, "0")]
    await hall.engine.begin()
    tasks += [await hall.ask(ANN, str(number)) for number in range(1, 6)]
    hall.engine.finish(3)
    answers = await asyncio.gather(*tasks)
    assert hall.engine.batches == [["0"], ["1", "2", "3", "4"], ["5"]]
    assert [answer.upgraded for answer in answers] == ["0", "1", "2", "3", "4", "5"]


async def test_the_wait_counts_time_per_hash_not_per_batch(hall: Hall) -> None:
    hall.engine.lanes = 4
    first = await hall.ask(ANN, "0")
    await hall.engine.begin()
    tasks = [first] + [await hall.ask(ANN, str(number)) for number in range(1, 5)]
    hall.engine.finish(2)
    await asyncio.gather(*tasks)
    assert hall.queue.hash_seconds == pytest.approx(1.0 + 0.2 * (0.25 - 1.0))


async def test_idle_workers_divide_what_is_ready() -> None:
    hall = Hall(workers=2)
    hall.engine.lanes = 4
    for place in hall.fill(ANN, 5):
        hall.queue._places.make_ready(place)
    assert len(hall.queue._next_batch()) == 3


# --- what is not hashed


async def test_a_visitor_who_has_gone_is_not_hashed_for(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    left: list[bool] = []
    gone = await hall.ask(Visitor(BOB.source, is_gone=lambda: bool(left)), "gone")
    left.append(True)
    last = await hall.ask(EVE, "last")
    hall.engine.finish(2)
    await asyncio.gather(running, last)
    with pytest.raises(OverloadedError):
        await gone
    assert hall.engine.order == ["one", "last"]
    assert (hall.queue.abandoned, hall.queue.refused) == (1, 0)


async def test_a_cancelled_request_is_not_hashed_for(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    cancelled = await hall.ask(ANN, "cancelled")
    last = await hall.ask(ANN, "last")
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert hall.queue.waiting == 1
    hall.engine.finish(2)
    await asyncio.gather(running, last)
    assert hall.engine.order == ["one", "last"]


async def test_a_request_cancelled_during_its_hash_frees_the_place_when_the_hash_is_done(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    running.cancel()
    await asyncio.wait([running])
    assert (hall.queue.waiting, hall.queue.running) == (0, 1)
    hall.engine.finish(2)
    await (await hall.ask(ANN, "two"))
    assert (hall.queue.running, hall.queue.hashes.count) == (0, 2)


async def test_what_would_be_answered_too_late_is_refused_instead_of_hashed(hall: Hall) -> None:
    late, in_time = hall.queue.reserve(ANN), hall.queue.reserve(ANN)
    in_time.since = 1.0
    hall.clock.seconds += 6.5  # the longest wait and two hashes are six seconds
    hall.engine.finish()
    with pytest.raises(OverloadedError):
        await late.run(Job("late", "stored"))
    assert (await in_time.run(Job("in time", "stored"))).same
    assert hall.engine.order == ["in time"]


# --- the rest of its life


async def test_closing_answers_the_waiting_and_lets_the_running_finish(hall: Hall) -> None:
    running = await hall.ask(ANN, "one")
    await hall.engine.begin()
    waiting = await hall.ask(ANN, "two")
    reserved = hall.queue.reserve(ANN)
    closing = asyncio.create_task(hall.queue.close())
    with pytest.raises(UnavailableError):
        await waiting
    hall.engine.finish()
    assert (await running).same
    await closing
    with pytest.raises(UnavailableError):
        await reserved.run(Job("late", "stored"))
    with pytest.raises(UnavailableError):
        hall.queue.refuse_if_full(ANN)
    assert hall.engine.order == ["one"]


async def test_an_engine_that_fails_fails_the_request_and_not_the_worker(hall: Hall) -> None:
    hall.engine.finish(2)
    broken = await hall.ask(ANN, "broken")
    with pytest.raises(RuntimeError, match="the hash engine failed"):
        await broken
    assert (await (await hall.ask(ANN, "whole"))).same


async def test_a_place_is_good_for_one_job(hall: Hall) -> None:
    hall.engine.finish(2)
    with hall.queue.reserve(ANN) as place:
        assert (await place.run(Job("one", "stored"))).same
        with pytest.raises(RuntimeError):
            await place.run(Job("two", "stored"))
    with hall.queue.reserve(ANN) as left:
        pass
    with pytest.raises(RuntimeError):
        await left.run(Job("three", "stored"))


async def test_each_hash_is_counted_with_its_wait_and_its_time(hall: Hall) -> None:
    tasks = [await hall.ask(ANN, "one")]
    await hall.engine.begin()
    tasks += [await hall.ask(ANN, "two")]
    hall.engine.finish(2)
    await asyncio.gather(*tasks)
    assert (hall.queue.waits.count, hall.queue.waits.sum) == (2, 1.0)
    assert (hall.queue.hashes.count, hall.queue.hashes.sum) == (2, 2.0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
async def test_hashes_run_at_a_lower_priority_than_the_event_loop(hall: Hall) -> None:
    hall.engine.finish()
    await (await hall.ask(ANN, "one"))
    assert hall.engine.priority >= 10
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert own < hall.engine.priority or own >= 10  # whoever runs the tests may be nice already
