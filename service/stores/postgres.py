"""The connections to Postgres: short timeouts, no session state; a connection that times out is terminated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.operator_errors import ConfigurationError
from service.settings import DatabaseSettings, hosts_of
from service.stores import failures
from service.stores.timings import Connections, Timings

PORT = 5432

OUTAGES: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.OperatorInterventionError,  # shutdown, crash, statement timeout
    asyncpg.ReadOnlySQLTransactionError,  # after a failover
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # a deadlock
    asyncpg.UndefinedTableError,  # not migrated yet
    asyncpg.TargetServerAttributeNotMatched,  # of several hosts, none is writable
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg's inconsistent state when the server is killed mid-query
    OSError,
    TimeoutError,
)


async def connect(url: str, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":  # noqa: ANN401 - asyncpg's own
    """Connect to the host that the URL names or, of several, to the writable one.

    Raises ConfigurationError when a retry cannot succeed, otherwise an outage.
    """
    try:
        return await _connect(url, **options)
    except Exception as error:
        if refusal := failures.as_refusal(failures.of_connecting(error)):
            raise refusal from error
        raise


async def _connect(url: str, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":  # noqa: ANN401 - asyncpg's own
    """Try all hosts at once: asyncpg tries them in turn within one timeout, which one host that hangs would use up."""
    hosts = hosts_of(url, PORT)
    if len(hosts) == 1:
        return await asyncpg.connect(url, **options)
    if "target_session_attrs" not in parse_qs(urlsplit(url).query):
        options["target_session_attrs"] = "read-write"
    attempts = [asyncio.create_task(asyncpg.connect(url, host=host, port=port, **options)) for host, port in hosts]
    chosen: asyncpg.Connection[asyncpg.Record] | None = None
    failure: Exception | None = None
    try:
        for attempt in asyncio.as_completed(attempts):
            try:
                chosen = await attempt
            except OUTAGES as error:
                if failure is None or not _passes(failure):
                    failure = error
            else:
                return chosen
    finally:
        for other in attempts:
            if not other.done() or other.exception() is not None or other.result() is not chosen:
                other.cancel()
                other.add_done_callback(_discard)
    raise failure or OSError("the URL names no host")


def _passes(error: Exception) -> bool:
    return failures.of_connecting(error).kind is failures.FailureKind.WAIT


def _discard(attempt: "asyncio.Task[asyncpg.Connection[asyncpg.Record]]") -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


async def _no_reset(_: object) -> None:
    """Nothing to reset: no store leaves session state behind, and the default costs a round trip per query."""


class Postgres:
    """A pool that opens lazily, so that the service can be built before the database is up."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self.timings = Timings()

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._settings.url.get_secret_value(),
            min_size=0,
            max_size=self._settings.pool_max,
            timeout=self._settings.acquire_timeout.total_seconds(),
            command_timeout=self._settings.command_timeout.total_seconds(),
            statement_cache_size=self._settings.statement_cache_size,
            reset=_no_reset,
            connect=cast("Any", connect),  # the stubs ask for every option of asyncpg's own by name
            server_settings={"application_name": "tokenhouse"},
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()  # every request has ended by now; nothing is left to wait for

    @property
    def connections(self) -> Connections:
        pool = self._pool
        idle, size = (pool.get_idle_size(), pool.get_size()) if pool is not None else (0, 0)
        return Connections(in_use=size - idle, idle=idle, most=self._settings.pool_max)

    async def start_afresh(self) -> None:
        """Expire all open connections: new ones may lead to another host."""
        if self._pool is not None:
            await self._pool.expire_connections()

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
        """A connection of the pool; after a timeout it is terminated, and its query is not cancelled.

        asyncpg cancels a query over a second connection and waits for it: for ever, when the server hangs.
        Raises outages, or ConfigurationError when a privilege is missing or the server refuses the connection.
        """
        if self._pool is None:
            raise OSError("the pool is not open")
        with self.timings.timed((*OUTAGES, ConfigurationError)):
            connection = await self._pool.acquire(timeout=self._settings.acquire_timeout.total_seconds())
            try:
                yield connection
            except (TimeoutError, asyncio.CancelledError, asyncpg.InternalClientError):
                connection.terminate()
                raise
            except asyncpg.ReadOnlySQLTransactionError:
                await self.start_afresh()
                raise
            except asyncpg.PostgresError as error:
                if refusal := failures.as_refusal(failures.of_query(error)):
                    raise refusal from error
                raise
            finally:
                await self._pool.release(connection)
