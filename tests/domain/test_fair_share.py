"""Fair shares of the hash queue: between sources, and between accounts."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.domain.models import Visitor
from service.domain.passwords.engine import Job
from service.errors import OverloadedError
from tests.support.hash_queues import ANN, BOB, EVE, SECOND, GatedQueue


@pytest_asyncio.fixture
async def gated() -> AsyncIterator[GatedQueue]:
    gated = GatedQueue()
    yield gated
    await gated.close()


async def test_sources_are_served_in_turn(gated: GatedQueue) -> None:
    tasks = [await gated.ask(ANN, "ann 1")]
    await gated.engine.begin()
    tasks += [await gated.ask(ANN, "ann 2"), await gated.ask(ANN, "ann 3"), await gated.ask(BOB, "bob 1")]
    gated.engine.finish(4)
    await asyncio.gather(*tasks)
    assert gated.engine.order == ["ann 1", "ann 2", "bob 1", "ann 3"]


async def test_a_newcomer_takes_the_newest_place_of_the_source_that_fills_the_queue(gated: GatedQueue) -> None:
    running = await gated.ask(EVE, "eve 0")
    await gated.engine.begin()
    eve = [await gated.ask(EVE, f"eve {number}") for number in range(1, 5)]
    with pytest.raises(OverloadedError):
        gated.queue.refuse_if_full(EVE)
    gated.queue.refuse_if_full(ANN)
    ann = await gated.ask(ANN, "ann")
    with pytest.raises(OverloadedError):
        await eve.pop()
    gated.engine.finish(5)
    await asyncio.gather(running, ann, *eve)
    assert gated.engine.order == ["eve 0", "eve 1", "ann", "eve 2", "eve 3"]


async def test_a_place_lost_before_its_job_came_is_refused_when_the_job_comes(gated: GatedQueue) -> None:
    places = gated.fill(EVE, 5)
    gated.queue.reserve(ANN)
    with pytest.raises(OverloadedError):
        await places[-1].run(Job("late", "stored"))
    assert gated.queue.waiting == 5


async def test_sources_with_even_shares_take_nothing_from_each_other(gated: GatedQueue) -> None:
    gated.fill(EVE, 5)
    gated.fill(ANN, 2)
    for visitor in (ANN, EVE):
        with pytest.raises(OverloadedError):
            gated.queue.reserve(visitor)
    gated.fill(BOB, 1)
    held = [place.source for place in gated.queue._places.all()]
    assert held == [EVE.source] * 2 + [ANN.source] * 2 + [BOB.source]


async def test_an_account_tried_from_many_sources_cannot_shut_the_others_out(gated: GatedQueue) -> None:
    swarm = [Visitor(f"198.51.100.{number}") for number in range(6)]
    for bot in swarm[:5]:
        gated.fill(bot, 1, account="victim@example.com")
    with pytest.raises(OverloadedError):
        gated.queue.reserve(swarm[5], "victim@example.com")
    gated.queue.reserve(ANN, "ann@example.com")
    gated.queue.reserve(BOB, "bob@example.com")
    held = [place.source for place in gated.queue._places.all()]
    assert held == [bot.source for bot in swarm[:3]] + [ANN.source, BOB.source]


async def test_an_account_with_half_of_the_places_gains_none_from_a_busy_source() -> None:
    gated = GatedQueue(max_wait=7 * SECOND)
    for number in range(4):
        gated.fill(Visitor(f"198.51.100.{number}"), 1, account="victim@example.com")
    gated.fill(ANN, 4)
    with pytest.raises(OverloadedError):
        gated.queue.reserve(EVE, "victim@example.com")
    gated.fill(BOB, 1, account="bob@example.com")


async def test_one_source_alone_may_use_the_whole_queue_for_one_account(gated: GatedQueue) -> None:
    gated.engine.finish(5)
    tasks = [await gated.ask(ANN, "right", "ann@example.com") for _ in range(5)]
    assert all(match.same for match in await asyncio.gather(*tasks))
