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
from tests.support.hash_queues import ANN, BOB, EVE, SECOND, GatedQueue
from tests.support.waiting import until


@pytest_asyncio.fixture
async def gated() -> AsyncIterator[GatedQueue]:
    gated = GatedQueue()
    yield gated
    await gated.close()


# --- the bound


async def test_a_full_queue_refuses_at_once_and_says_when_there_is_room(gated: GatedQueue) -> None:
    gated.fill(ANN, 5)
    for ask in (gated.queue.refuse_if_full, gated.queue.reserve):
        with pytest.raises(OverloadedError) as refusal:
            ask(ANN)
        assert refusal.value.retry_after == SECOND
    assert (gated.queue.waiting, gated.queue.refused) == (5, 2)


async def test_a_place_that_was_not_used_is_given_back(gated: GatedQueue) -> None:
    gated.fill(ANN, 4)
    with gated.queue.reserve(ANN), pytest.raises(OverloadedError):
        gated.queue.refuse_if_full(ANN)
    gated.queue.refuse_if_full(ANN)
    assert gated.queue.waiting == 4


async def test_a_running_job_holds_its_place_until_it_is_done(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    gated.fill(ANN, 4)
    assert (gated.queue.waiting, gated.queue.running) == (4, 1)
    with pytest.raises(OverloadedError):
        gated.queue.reserve(ANN)
    gated.engine.finish()
    assert await running == Match(same=True, upgraded="one")
    gated.fill(ANN, 1)
    assert (gated.queue.waiting, gated.queue.running, gated.queue.hashes.count) == (5, 0, 1)


async def test_the_bound_follows_the_measured_time_of_a_hash(gated: GatedQueue) -> None:
    gated.engine.cost = 2.0
    gated.engine.finish(2)
    await (await gated.ask(ANN, "the first measurement replaces the guess"))
    assert (gated.queue.hash_seconds, gated.queue.capacity) == (2.0, 3)
    gated.engine.cost = 1.0
    await (await gated.ask(ANN, "later ones move the average"))
    assert gated.queue.hash_seconds == pytest.approx(1.8)


async def test_a_shrinking_bound_makes_the_wait_longer(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    gated.fill(ANN, 4)
    gated.engine.cost = 2.0
    gated.engine.finish()
    await running
    with pytest.raises(OverloadedError) as refusal:
        gated.queue.reserve(ANN)
    assert refusal.value.retry_after == 4 * SECOND  # two of the four must be done before three places suffice


async def test_workers_do_not_idle_because_one_hash_takes_longer_than_the_longest_wait() -> None:
    gated = GatedQueue(workers=2, max_wait=SECOND / 10)
    gated.fill(ANN, 4)
    with pytest.raises(OverloadedError):
        gated.queue.reserve(ANN)


async def test_a_clock_too_coarse_to_see_a_hash_measures_nothing(gated: GatedQueue) -> None:
    gated.engine.cost = 0.0
    gated.engine.finish()
    await (await gated.ask(ANN, "cheap"))
    assert gated.queue.hash_seconds == 1.0


async def test_other_work_takes_a_place_and_its_turn_and_measures_nothing(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    done: list[str] = []

    def work() -> int:
        done.append(threading.current_thread().name)
        gated.clock.seconds += 60
        return 42

    with gated.queue.reserve(ANN) as place:
        computing = asyncio.create_task(place.compute(work))
        await asyncio.sleep(0)
        assert (gated.queue.waiting, done) == (1, [])
        gated.engine.finish()
        await running
        assert await computing == 42
    assert done == ["hash-0"]
    assert (gated.queue.hash_seconds, gated.queue.hashes.count, gated.queue.waits.count) == (1.0, 1, 2)
    assert gated.queue.waiting + gated.queue.running == 0


async def test_what_fails_is_told_and_the_worker_lives(gated: GatedQueue) -> None:
    with gated.queue.reserve(ANN) as place, pytest.raises(RuntimeError) as told:
        await place.compute(lambda: 1 // 0)
    assert isinstance(told.value.__cause__, ZeroDivisionError)
    with gated.queue.reserve(ANN) as place:
        assert await place.compute(lambda: "next") == "next"


async def test_what_is_done_besides_a_hash_is_no_part_of_its_time(gated: GatedQueue) -> None:
    def besides() -> None:
        gated.clock.seconds += 60

    gated.engine.finish()
    with gated.queue.reserve(ANN) as place:
        assert (await place.run(Job("password", "stored", besides))).same
    assert (gated.clock.seconds, gated.queue.hash_seconds) == (61.0, 1.0)


async def test_the_time_of_a_hash_is_measured_while_all_workers_hash() -> None:
    """They share cores: a hash that had one to itself says little of the time under load."""
    gated = GatedQueue(workers=2)
    gated.engine.cost = 0.1
    gated.engine.finish()
    await (await gated.ask(ANN, "alone"))
    await gated.engine.begin()
    assert gated.queue.hash_seconds == 1.0
    tasks = [await gated.ask(ANN, str(number)) for number in range(4)]
    for _ in range(2):
        await gated.engine.begin()
    for _ in range(2):  # each is followed by another, which begins and ends beside one that runs
        gated.engine.finish()
        await gated.engine.begin()
    gated.engine.finish()

    async def are_measured() -> bool:
        return gated.queue.hashes.count == 4

    await until(are_measured)
    assert gated.queue.hash_seconds < 1.0
    await gated.close()
    await asyncio.gather(*tasks)


async def test_a_hash_alone_that_takes_longer_than_expected_is_believed() -> None:
    gated = GatedQueue(workers=2)
    gated.engine.cost = 3.0
    gated.engine.finish()
    await (await gated.ask(ANN, "alone"))
    assert gated.queue.hash_seconds == 3.0
    await gated.close()


# --- what is not hashed


async def test_a_visitor_who_has_gone_is_not_hashed_for(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    left: list[bool] = []
    gone = await gated.ask(Visitor(BOB.source, is_gone=lambda: bool(left)), "gone")
    left.append(True)
    last = await gated.ask(EVE, "last")
    gated.engine.finish(2)
    await asyncio.gather(running, last)
    with pytest.raises(OverloadedError):
        await gone
    assert gated.engine.order == ["one", "last"]
    assert (gated.queue.abandoned, gated.queue.refused) == (1, 0)


async def test_a_cancelled_request_is_not_hashed_for(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    cancelled = await gated.ask(ANN, "cancelled")
    last = await gated.ask(ANN, "last")
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert gated.queue.waiting == 1
    gated.engine.finish(2)
    await asyncio.gather(running, last)
    assert gated.engine.order == ["one", "last"]


async def test_a_request_cancelled_during_its_hash_frees_the_place_when_the_hash_is_done(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    running.cancel()
    await asyncio.wait([running])
    assert (gated.queue.waiting, gated.queue.running) == (0, 1)
    gated.engine.finish(2)
    await (await gated.ask(ANN, "two"))
    assert (gated.queue.running, gated.queue.hashes.count) == (0, 2)


async def test_what_would_be_answered_too_late_is_refused_instead_of_hashed(gated: GatedQueue) -> None:
    late, in_time = gated.queue.reserve(ANN), gated.queue.reserve(ANN)
    in_time.since = 1.0
    gated.clock.seconds += 6.5  # the longest wait and two hashes are six seconds
    gated.engine.finish()
    with pytest.raises(OverloadedError):
        await late.run(Job("late", "stored"))
    assert (await in_time.run(Job("in time", "stored"))).same
    assert gated.engine.order == ["in time"]


# --- the rest of its life


async def test_closing_answers_the_waiting_and_lets_the_running_finish(gated: GatedQueue) -> None:
    running = await gated.ask(ANN, "one")
    await gated.engine.begin()
    waiting = await gated.ask(ANN, "two")
    reserved = gated.queue.reserve(ANN)
    closing = asyncio.create_task(gated.queue.close())
    with pytest.raises(UnavailableError):
        await waiting
    gated.engine.finish()
    assert (await running).same
    await closing
    with pytest.raises(UnavailableError):
        await reserved.run(Job("late", "stored"))
    with pytest.raises(UnavailableError):
        gated.queue.refuse_if_full(ANN)
    assert gated.engine.order == ["one"]


async def test_an_engine_that_fails_fails_the_request_and_not_the_worker(gated: GatedQueue) -> None:
    gated.engine.finish(2)
    broken = await gated.ask(ANN, "broken")
    with pytest.raises(RuntimeError, match="the hash engine failed"):
        await broken
    assert (await (await gated.ask(ANN, "whole"))).same


async def test_a_place_is_good_for_one_job(gated: GatedQueue) -> None:
    gated.engine.finish(2)
    with gated.queue.reserve(ANN) as place:
        assert (await place.run(Job("one", "stored"))).same
        with pytest.raises(RuntimeError):
            await place.run(Job("two", "stored"))
    with gated.queue.reserve(ANN) as left:
        pass
    with pytest.raises(RuntimeError):
        await left.run(Job("three", "stored"))


async def test_each_hash_is_counted_with_its_wait_and_its_time(gated: GatedQueue) -> None:
    tasks = [await gated.ask(ANN, "one")]
    await gated.engine.begin()
    tasks += [await gated.ask(ANN, "two")]
    gated.engine.finish(2)
    await asyncio.gather(*tasks)
    assert (gated.queue.waits.count, gated.queue.waits.sum) == (2, 1.0)
    assert (gated.queue.hashes.count, gated.queue.hashes.sum) == (2, 2.0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
async def test_hashes_run_at_a_lower_priority_than_the_event_loop(gated: GatedQueue) -> None:
    gated.engine.finish()
    await (await gated.ask(ANN, "one"))
    assert gated.engine.priority >= 10
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert own < gated.engine.priority or own >= 10  # whoever runs the tests may be nice already
