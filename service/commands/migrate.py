"""`tokenhouse migrate`."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.ambient import Ambient
from service.commands import event_loop
from service.commands.frame import DONE, complain, say
from service.commands.progress import OFTEN, Progress
from service.doctor.finding import require
from service.doctor.postgres import judge_preconditions
from service.operator_errors import ConfigurationError
from service.settings import DatabaseSettings, load
from service.stores import inspection
from service.stores.migrations import OnStep, migrate
from service.stores.postgres import OUTAGES

TRIES = 60
PAUSE = 1.0  # seconds between two tries


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    settings.require_database()
    with event_loop.runner(settings.server.event_loop) as loop:
        applied = loop.run(_migrate(settings.database))
    say("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
    return DONE


async def _migrate(database: DatabaseSettings) -> list[str]:
    """Waits for a Postgres that is not up yet: it often starts at the same time."""
    url = database.url.get_secret_value()
    for left in reversed(range(TRIES)):
        try:
            require(judge_preconditions(await inspection.of_postgres(database, Ambient())))
            async with _shown() as on_step:
                return await migrate(url, on_step=on_step)
        except OUTAGES as error:
            name = type(error).__name__
            if not left:
                raise ConfigurationError(f"Postgres does not answer at TOKENHOUSE_DATABASE__URL ({name})") from None
            if left == TRIES - 1:
                complain(f"waiting for Postgres ({name})")
        await asyncio.sleep(PAUSE)
    raise AssertionError("the last try returns or raises")


@asynccontextmanager
async def _shown() -> AsyncIterator[OnStep]:
    """How far it is, at each step and by the clock: one of them may take as long as a big table needs."""
    progress: Progress | None = None
    at = (0, "")

    def on_step(done: int, total: int, name: str) -> None:
        nonlocal progress, at
        progress = progress or Progress("migrate", total, Ambient())
        at = done, f"migrate: {name}"
        progress.at(*at)

    async def keep_showing() -> None:
        while True:
            await asyncio.sleep(OFTEN)
            if progress:
                progress.at(*at)

    showing = asyncio.create_task(keep_showing())
    try:
        yield on_step
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        if progress:
            progress.clear()
