"""Whether prepared statements survive on the way to Postgres: found out by using one."""

from contextlib import AsyncExitStack

import asyncpg

from service.stores import postgres

OTHERS = 4  # connections that are held for it, at most
BACKEND = "SELECT pg_backend_pid()"


async def forgets_statements(url: str, name: str, patience: float) -> bool:
    """Prepares a statement called `name`, which must be new, and lets others take the backend that knows it.

    PgBouncer in transaction mode lends a backend for one transaction. Newer ones prepare the statement again on another
    backend (`max_prepared_statements`), and then nothing is forgotten. With too few backends to tell: False.
    """
    async with AsyncExitStack() as closing:

        async def another() -> "asyncpg.Connection[asyncpg.Record]":
            made = await postgres.connect(url, timeout=patience, command_timeout=patience, statement_cache_size=0)
            closing.callback(made.terminate)
            return made

        first = await another()
        if first.get_server_pid() == await first.fetchval(BACKEND):
            return False  # the server's own greeting: nothing stands in between
        try:
            statement = await first.prepare(BACKEND, name=name)
            for _ in range(OTHERS):
                await (await another()).execute("BEGIN")
                await statement.fetchval()
        except asyncpg.InvalidSQLStatementNameError:
            return True
        except TimeoutError:
            return False
        return False
