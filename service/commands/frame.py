"""What commands about an installation share: a house that is closed again, also when it could not be opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.commands.operator import operator
from service.domain.events.security_events import run_by
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.sessions.ports import ForgottenError
from service.errors import UnavailableError
from service.stores import failures
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


def no_answer(error: Exception) -> str:
    """For the user of a command that a store did not let come to its end."""
    if isinstance(error, UnavailableError):
        store = "a store"
    elif isinstance(error, (ForgottenError, NotDeniedYetError)):
        store = "Redis"
    else:
        store = {"redis": "Redis", "postgres": "Postgres"}[failures.store_of(error)]
    return f"{store} does not answer ({type(error).__name__}); run this again when it does"
