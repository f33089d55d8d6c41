"""What readiness makes of a request that met an outage: it looks again, and no more often than it must."""

import asyncio

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.testing import capture_logs

from service.domain.operations.readiness import Readiness, ReadinessReport
from service.domain.operations.store_watch import StoreWatch
from tests.support.builders import FakeAmbient
from tests.support.waiting import until


class Store:
    """A store that says a word, and counts how often it was asked for it."""

    def __init__(self) -> None:
        self.word = "ok"
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def check(self) -> str:
        self.asked += 1
        self.is_asked.set()
        word = self.word
        await self.may_answer.wait()
        return word


@pytest.fixture
def redis() -> Store:
    return Store()


@pytest.fixture
def readiness(redis: Store, ambient: FakeAmbient) -> Readiness:
    readiness = Readiness(Store().check, redis.check, ambient)
    readiness.is_open = True
    return readiness


@pytest.fixture
def watch(readiness: Readiness, ambient: FakeAmbient) -> StoreWatch:
    return StoreWatch(readiness, ambient, lambda _: "redis", every=3600.0)


async def test_an_outage_that_a_request_met_is_seen_at_once(
    readiness: Readiness, redis: Store, watch: StoreWatch
) -> None:
    """The clock stands still, so that what was seen before would be good for ever."""
    assert (await readiness.state()).is_ready
    redis.word = "no answer"
    assert (await readiness.state()).is_ready
    with capture_logs():
        watch.note(ConnectionError())
    assert (await readiness.state()).redis == "no answer"
    await watch.close()


async def test_an_outage_met_during_a_round_of_checks_starts_another_round(
    readiness: Readiness, redis: Store, watch: StoreWatch
) -> None:
    redis.may_answer.clear()
    asking = asyncio.create_task(readiness.state())
    await redis.is_asked.wait()
    redis.word = "no answer"
    with capture_logs():
        watch.note(ConnectionError())
    redis.may_answer.set()
    assert (await asking).redis == "no answer"
    await watch.close()


async def test_a_flood_of_outages_is_no_flood_of_checks(
    readiness: Readiness, redis: Store, watch: StoreWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails some requests and says that all is well, as one primary of a cluster does."""
    rests: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        await sleep(0 if seconds < 1 else seconds)

    monkeypatch.setattr("service.domain.operations.readiness.asyncio.sleep", rest)
    assert (await readiness.state()).is_ready
    for _ in range(10):
        with capture_logs():
            for _ in range(100):
                watch.note(ConnectionError())
        states = await asyncio.gather(*(readiness.state() for _ in range(100)))
        assert all(state.is_ready for state in states)
    assert redis.asked == 1 + 10
    assert [seconds for seconds in rests if 0 < seconds < 1] == [0.1] * 10
    await watch.close()


async def test_a_store_that_is_known_to_fail_is_not_asked_again_by_those_it_fails(
    readiness: Readiness, redis: Store, watch: StoreWatch
) -> None:
    redis.word = "no answer"
    assert not (await readiness.state()).is_ready
    with capture_logs():
        watch.note(ConnectionError())
    assert not (await readiness.state()).is_ready
    assert redis.asked == 1
    await watch.close()


async def test_what_is_told_of_a_store_is_not_laid_at_the_request_that_met_the_outage(
    readiness: Readiness, ambient: FakeAmbient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []
    state = readiness.state

    async def noted() -> ReadinessReport:
        seen.append(get_contextvars())
        return await state()

    monkeypatch.setattr(readiness, "state", noted)
    watch = StoreWatch(readiness, ambient, lambda _: "redis", every=0)
    with bound_contextvars(request_id="r-1"), capture_logs():
        watch.note(ConnectionError())
        await until(lambda: asyncio.sleep(0, bool(seen)))
        await watch.close()
    assert seen[0] == {}
