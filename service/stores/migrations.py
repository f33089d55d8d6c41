"""Applies `sql/migrations` in order, each once, whoever and however many start at the same time."""

import hashlib
import re
from pathlib import Path

import asyncpg

from service.errors import ConfigurationError
from service.stores import postgres

# In a wheel `sql/` travels inside the package; in a checkout it stands beside it.
DIRECTORY = (
    next(place for place in (Path(__file__).parents[1] / "_sql", Path(__file__).parents[2] / "sql") if place.is_dir())
    / "migrations"
)
NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql", re.ASCII)
LOCK = 7_155_203_011  # any constant of our own will do: only one migrator may run at a time
PATIENCE = 60.0  # seconds to wait for another migrator
TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"
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


async def migrate(url: str, *, dry: bool = False) -> list[str]:
    """Bring the schema up to date in one transaction; the names of what was (or, when dry, would be) applied.

    The lock belongs to the transaction, so a killed migrator leaves nothing behind, and PgBouncer may stand between.
    Raises ConfigurationError when a migration was changed after it was applied.
    """
    connection = await postgres.connect(url, timeout=2, statement_cache_size=0)
    try:
        async with connection.transaction():
            await connection.execute(TAKE_LOCK, LOCK, timeout=PATIENCE)
            if not dry:  # a service's own role may not be allowed to make tables
                await connection.execute(LEDGER)
            kept = await connection.fetch(APPLIED) if await connection.fetchval(HAS_LEDGER) else []
            applied = {row["name"]: row["sha256"] for row in kept}
            return [path.name for path in _files() if await _apply(connection, path, applied, dry=dry)]
    finally:
        await connection.close(timeout=2)


def _files() -> list[Path]:
    files = sorted(DIRECTORY.glob("*.sql"))
    if strange := [path.name for path in files if not NAME.fullmatch(path.name)]:
        raise ConfigurationError(f"{strange[0]}: a migration is named NNNN_what_it_does.sql")
    return files


async def _apply(
    connection: "asyncpg.Connection[asyncpg.Record]", path: Path, applied: dict[str, bytes], *, dry: bool
) -> bool:
    script = path.read_text(encoding="utf-8")  # noqa: ASYNC240 - a small file, before anything is served
    digest = hashlib.sha256(script.encode()).digest()
    if path.name in applied:
        if applied[path.name] != digest:
            raise ConfigurationError(f"{path.name} was changed after it was applied; write a new migration instead")
        return False
    if not dry:
        try:
            await connection.execute(script)
        except (asyncpg.SyntaxOrAccessError, asyncpg.IntegrityConstraintViolationError) as error:
            raise ConfigurationError(f"{path.name} does not apply to this database ({type(error).__name__})") from None
        await connection.execute(ENTER, path.name, digest)
    return True
