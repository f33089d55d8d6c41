"""The connection to Postgres: short patience, no session state, and a clean break with whatever does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.settings import Database

OUTAGES: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.OperatorInterventionError,  # shutdown, crash, statement timeout
    asyncpg.ReadOnlySQLTransactionError,  # failed over under us
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # a deadlock
    asyncpg.UndefinedTableError,  # not migrated yet
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


async def _no_reset(_: object) -> None:
    """Nothing to reset: no store leaves session state behind, and the default costs a round trip a query."""


class Postgres:
    """A pool that opens lazily, so that the service can be built before the database is up."""

    def __init__(self, settings: Database) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._settings.url.get_secret_value(),
            min_size=0,
            max_size=self._settings.pool_max,
            timeout=self._settings.acquire_timeout.total_seconds(),
            command_timeout=self._settings.command_timeout.total_seconds(),
            statement_cache_size=self._settings.statement_cache_size,
            reset=_no_reset,
            server_settings={"application_name": "tokenhouse"},
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()  # every request has ended by now; nothing is left to wait for

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: object) -> asyncpg.Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> None:
        async with self.connection() as connection:
            await connection.execute(query, *arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        """A connection of the pool; one that failed to answer is cut off rather than asked to cancel.

        asyncpg cancels a query over a second connection and waits for it, which a server that hangs never answers.
        """
        if self._pool is None:
            raise OSError("the pool is not open")
        connection = await self._pool.acquire(timeout=self._settings.acquire_timeout.total_seconds())
        try:
            yield connection
        except (TimeoutError, asyncio.CancelledError, asyncpg.ReadOnlySQLTransactionError):
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)
