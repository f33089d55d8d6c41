"""Background tasks: a task that fails is logged and counted, and one that ends is restarted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

import structlog

from service.ambient import Ambient

SHORTEST = 1.0  # seconds before a task that ended is restarted; doubled while it keeps ending
LONGEST = 60.0
Task = Literal[
    "api-key-uses",
    "audit",
    "clock",
    "denylist",
    "endings",
    "keys",
    "loop-lag",
    "mails",
    "reload",
    "tidy",
    "tidy-audit",
    "tidy-mails",
    "tidy-email-changes",
    "tidy-invitations",
    "tidy-revocations",
    "tidy-webhooks",
    "webhooks",
]
TASKS: tuple[Task, ...] = get_args(Task)
log = structlog.get_logger(__name__)


class Background:
    def __init__(self, ambient: Ambient) -> None:
        self.failures: Counter[Task] = Counter(dict.fromkeys(TASKS, 0))
        self._ambient = ambient

    async def run_forever(self, task: Task, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task that is not meant to end, and restart it, until this is cancelled."""
        pause = SHORTEST
        while True:
            began = self._ambient.monotonic()
            if await self.attempt(task, run):
                self._note(task, "it ended")
            if self._ambient.monotonic() - began > LONGEST:
                pause = SHORTEST
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST)

    async def attempt(self, task: Task, run: Callable[[], Awaitable[None]]) -> bool:
        """Whether it succeeded: an error in one task does not reach the others."""
        try:
            await run()
        except asyncio.CancelledError as error:
            current = asyncio.current_task()
            if current is None or current.cancelling():
                raise
            self._note(task, type(error).__name__)  # something that the task awaited was cancelled
            return False
        except Exception as error:  # noqa: BLE001 - a defect in one task must not end the others
            self._note(task, type(error).__name__)
            return False
        return True

    def _note(self, task: Task, error: str) -> None:
        self.failures[task] += 1
        log.error("background task failed", task=task, error=error)
