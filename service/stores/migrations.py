"""Applies `sql/migrations` in order, each once, even when several processes start at the same time."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

import asyncpg

from service.operator_errors import ConfigurationError
from service.stores import failures, postgres

# In a wheel `sql/` is inside the package; in a checkout it is beside it.
DIRECTORY = (
    next(place for place in (Path(__file__).parents[1] / "_sql", Path(__file__).parents[2] / "sql") if place.is_dir())
    / "migrations"
)
NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql", re.ASCII)
OUTSIDE = "-- outside a transaction"  # the first line of a migration that Postgres refuses to run inside one
END_OF_STATEMENT = re.compile(r";[ \t]*$", re.MULTILINE)
LOCK = 7_155_203_011  # any constant of our own will do: only one migrator may run at a time
PATIENCE = 60.0  # seconds to wait for another migrator
STEP = 0.1  # seconds between two attempts to take the lock
TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
NEVER_IDLE = "SET LOCAL idle_in_transaction_session_timeout = 0"
LEDGER = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name text PRIMARY KEY,
        sha256 bytea NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
HAS_LEDGER = "SELECT to_regclass('schema_migrations') IS NOT NULL"
APPLIED = "SELECT name, sha256 FROM schema_migrations"
ENTER = "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)"

OnStep = Callable[[int, int, str], None]  # how many are done, of how many, and the one that begins
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def migrate(url: str, *, dry: bool = False, on_step: OnStep = lambda *_: None) -> list[str]:
    """Bring the schema up to date. Returns the names of the migrations that were (with `dry`: would be) applied.

    Consecutive ones share a transaction, except for those whose first line is OUTSIDE: their statements run one by
    one, and must be repeatable after an interruption.
    Raises ConfigurationError when a migration was changed after it was applied or a right is missing, TimeoutError when
    another migrator holds the lock for too long.
    """
    async with _connected(url) as guard, _the_only_migrator(guard), _connected(url) as connection:
        kept = await connection.fetch(APPLIED) if await connection.fetchval(HAS_LEDGER) else []
        pending = _pending({row["name"]: row["sha256"] for row in kept})
        if not dry:  # the service's role may lack the right to create tables
            steps = _Steps(on_step, len(pending))
            for is_outside, group in groupby(pending, key=lambda one: one.script.startswith(OUTSIDE)):
                await (_apply_one_by_one if is_outside else _apply_together)(connection, list(group), steps)
        return [one.name for one in pending]


class Migration(NamedTuple):
    name: str
    script: str
    digest: bytes


class _Steps:
    def __init__(self, on_step: OnStep, total: int) -> None:
        self._on_step = on_step
        self._total = total
        self._begun = 0

    def begin(self, one: Migration) -> None:
        self._on_step(self._begun, self._total, one.name)
        self._begun += 1


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    connection = await postgres.connect(url, timeout=2, statement_cache_size=0)
    try:
        yield connection
    except asyncpg.PostgresError as error:
        if refusal := failures.as_refusal(failures.of_query(error)):
            raise refusal from error
        raise
    finally:
        await connection.close(timeout=2)


@asynccontextmanager
async def _the_only_migrator(guard: Connection) -> AsyncIterator[None]:
    """Hold the lock, over a connection that does nothing else.

    The lock belongs to a transaction, so a killed migrator leaves nothing behind, and PgBouncer may stand between.
    CREATE INDEX CONCURRENTLY waits for every older snapshot. So no migrator may wait for the lock inside a statement,
    and the transaction that holds it must keep no snapshot, as those of other isolation levels do.
    """
    for _ in range(int(PATIENCE / STEP)):
        async with guard.transaction(isolation="read_committed"):
            if await guard.fetchval(TRY_LOCK, LOCK):
                await guard.execute(NEVER_IDLE)
                yield
                return
        await asyncio.sleep(STEP)
    raise TimeoutError


def _pending(applied: Mapping[str, bytes]) -> list[Migration]:
    files = sorted(DIRECTORY.glob("*.sql"))
    if strange := [path.name for path in files if not NAME.fullmatch(path.name)]:
        raise ConfigurationError(f"{strange[0]}: a migration is named NNNN_what_it_does.sql")
    scripts = {path.name: path.read_text(encoding="utf-8") for path in files}
    found = [Migration(name, script, hashlib.sha256(script.encode()).digest()) for name, script in scripts.items()]
    for one in found:
        if applied.get(one.name, one.digest) != one.digest:
            raise ConfigurationError(f"{one.name} was changed after it was applied; write a new migration instead")
    return [one for one in found if one.name not in applied]


async def _apply_together(connection: Connection, migrations: Sequence[Migration], steps: _Steps) -> None:
    async with connection.transaction():
        if not await connection.fetchval(HAS_LEDGER):
            await connection.execute(LEDGER)
        for one in migrations:
            steps.begin(one)
            await _execute(connection, one, one.script)
            await connection.execute(ENTER, one.name, one.digest)


async def _apply_one_by_one(connection: Connection, migrations: Sequence[Migration], steps: _Steps) -> None:
    for one in migrations:
        steps.begin(one)
        for statement in filter(str.strip, END_OF_STATEMENT.split(one.script)):
            await _execute(connection, one, statement)
        await connection.execute(ENTER, one.name, one.digest)


async def _execute(connection: Connection, migration: Migration, script: str) -> None:
    try:
        await connection.execute(script)
    except asyncpg.InsufficientPrivilegeError:
        raise
    except (asyncpg.SyntaxOrAccessError, asyncpg.IntegrityConstraintViolationError) as error:
        raise ConfigurationError(f"{migration.name} does not apply to this database ({type(error).__name__})") from None
