"""`tokenhouse migrate`."""

import argparse
import asyncio

from service.errors import ConfigurationError
from service.settings import load
from service.stores.migrations import migrate
from service.stores.postgres import OUTAGES


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    try:
        applied = asyncio.run(migrate(settings.require_database()))
    except OUTAGES as error:
        raise ConfigurationError(
            f"Postgres does not answer at TOKENHOUSE_DATABASE__URL ({type(error).__name__})"
        ) from None
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")  # noqa: T201 - the command's answer
    return 0
