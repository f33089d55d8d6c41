"""Detects whether prepared statements survive on the way to Postgres, by using one."""

from contextlib import AsyncExitStack

import asyncpg

from service.stores import postgres

OTHERS = 4  # connections held for the test, at most
BACKEND = "SELECT pg_backend_pid()"


async def forgets_statements(url: str, name: str, patience: float) -> bool:
    """Prepare a statement called `name`, which must be new, and let other connections take the backend that has it.

    PgBouncer in transaction mode assigns a backend per transaction. Newer versions prepare the statement again on
    another backend (`max_prepared_statements`), and then none is lost. False when too few backends exist to tell.
    """
    async with AsyncExitStack() as closing:

        async def another() -> "asyncpg.Connection[asyncpg.Record]":
            made = await postgres.connect(url, timeout=patience, command_timeout=patience, statement_cache_size=0)
            closing.callback(made.terminate)
            return made

        first = await another()
        if first.get_server_pid() == await first.fetchval(BACKEND):
            return False  # the process id is the server's own: no pooler in between
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
