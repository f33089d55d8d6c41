"""What commands about an installation share: a house that is closed again, also when it could not be opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.commands.operator import operator
from service.domain.events import run_by
from service.wiring import House


@asynccontextmanager
async def opened(house: House, *, postgres_alone: bool = False) -> AsyncIterator[None]:
    """With `postgres_alone` it works while Redis does not. Raises what `House.open` raises.

    What the command does is told with the name of the operator.
    """
    run_by(operator())
    try:
        await (house.open_postgres() if postgres_alone else house.open())
        yield
    finally:
        await house.close()
