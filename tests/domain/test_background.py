"""What runs beside the requests goes on, whatever happens to it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from service.domain.operations import background
from service.domain.operations.background import TASKS, Background
from tests.support.builders import FakeAmbient


class Dying:
    """Dies in another way each time, and then lives on."""

    def __init__(self, *deaths: BaseException | None) -> None:
        self.deaths = list(deaths)
        self.lifetimes = asyncio.Event()

    async def run(self) -> None:
        if not self.deaths:
            self.lifetimes.set()
            await asyncio.Event().wait()
        elif death := self.deaths.pop(0):
            raise death


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHORTEST", 0.001)


async def test_a_task_that_dies_is_started_again_and_told(ambient: FakeAmbient) -> None:
    tasks, dying = Background(ambient), Dying(ValueError("a secret"), None, asyncio.CancelledError(), OSError())
    with capture_logs() as logged:
        running = asyncio.create_task(tasks.run_forever("audit", dying.run))
        await asyncio.wait_for(dying.lifetimes.wait(), 30)
    assert [(line["log_level"], line["event"], line["task"], line["error"]) for line in logged] == [
        ("error", "background task failed", "audit", error)
        for error in ("ValueError", "it ended", "CancelledError", "OSError")
    ]
    assert tasks.failures == {**dict.fromkeys(TASKS, 0), "audit": 4}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert tasks.failures["audit"] == 4


async def test_the_pause_before_the_next_start_grows_and_is_forgotten_after_a_good_while(
    ambient: FakeAmbient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(background, "SHORTEST", 1.0)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 10:
            raise KeyboardInterrupt

    async def die() -> None:
        if len(pauses) == 8:
            ambient.advance(minutes=2)
        raise ValueError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        await Background(ambient).run_forever("keys", die)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]


async def test_what_goes_wrong_with_one_chore_is_kept_from_the_next(ambient: FakeAmbient) -> None:
    tasks, done = Background(ambient), []

    def chore(error: Exception | None) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            if error:
                raise error
            done.append("done")

        return run

    assert not await tasks.attempt("tidy-revocations", chore(LookupError()))
    assert await tasks.attempt("tidy-audit", chore(None))
    assert (done, tasks.failures["tidy-revocations"], tasks.failures["tidy-audit"]) == (["done"], 1, 0)
