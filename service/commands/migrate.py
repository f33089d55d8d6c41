"""`tokenhouse migrate`."""

import argparse
import asyncio
import sys

from service.errors import ConfigurationError
from service.settings import load
from service.stores.migrations import migrate
from service.stores.postgres import OUTAGES

TRIES = 60
PAUSE = 1.0  # seconds between two


def run(asked: argparse.Namespace) -> int:
    applied = asyncio.run(_migrate(load(asked.config).require_database()))
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")  # noqa: T201 - the command's answer
    return 0


async def _migrate(url: str) -> list[str]:
    """Waits for a Postgres that is not up yet: it often starts at the same time."""
    for left in reversed(range(TRIES)):
        try:
            return await migrate(url)
        except OUTAGES as error:
            name = type(error).__name__
            if not left:
                break
            if left == TRIES - 1:
                print(f"waiting for Postgres ({name})", file=sys.stderr)  # noqa: T201 - the command's word to its user
        await asyncio.sleep(PAUSE)
    raise ConfigurationError(f"Postgres does not answer at TOKENHOUSE_DATABASE__URL ({name})")
