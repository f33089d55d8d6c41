"""The schema comes by migrations alone: each applied once, whoever starts, and never changed afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from service.operator_errors import ConfigurationError
from service.stores import migrations
from service.stores.migrations import DIRECTORY, migrate
from service.stores.postgres import OUTAGES
from tests.conftest import real_settings
from tests.generate import schema
from tests.support.databases import empty_database, operator
from tests.support.waiting import until

ALL = sorted(path.name for path in DIRECTORY.glob("*.sql"))


@pytest.fixture
async def url(embedded: Stores) -> AsyncIterator[str]:
    """A database without any tables."""
    async with empty_database(embedded) as url:
        yield url


async def entered(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations ORDER BY name")]
    finally:
        await connection.close()


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {
            row["tablename"]
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
    finally:
        await connection.close()


async def test_ten_migrators_at_once_apply_each_migration_once(url: str) -> None:
    assert ALL
    applied = await asyncio.gather(*(migrate(url) for _ in range(10)))
    assert sorted(applied, key=len) == [[]] * 9 + [ALL]
    assert await entered(url) == ALL


async def test_a_second_migration_finds_nothing_to_do(url: str) -> None:
    assert await migrate(url) == ALL
    assert await migrate(url) == []


async def test_a_dry_migration_says_what_is_missing_and_changes_nothing(url: str) -> None:
    assert await migrate(url, dry=True) == ALL
    assert await tables(url) == set()
    assert await migrate(url) == ALL
    assert await migrate(url, dry=True) == []


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(url: str) -> None:
    await migrate(url)
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE schema_migrations SET sha256 = sha256(sha256) WHERE name = $1", ALL[0])
    await connection.close()
    for dry in (False, True):
        with pytest.raises(ConfigurationError, match=ALL[0]) as refusal:
            await migrate(url, dry=dry)
        assert "\n" not in str(refusal.value)


async def test_a_migrator_that_fails_leaves_nothing_behind(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE revocations (in_the_way text)")
    with pytest.raises(ConfigurationError, match=ALL[0]):
        await migrate(url)
    assert await connection.fetchval("SELECT to_regclass('users') IS NULL AND to_regclass('schema_migrations') IS NULL")
    await connection.execute("DROP TABLE revocations")
    await connection.close()
    assert await migrate(url) == ALL


async def test_the_service_does_not_start_on_a_schema_that_is_behind(url: str, embedded: Stores, redis: Redis) -> None:
    await redis.ping()
    settings = real_settings(embedded, database={"url": url, "migrate_on_start": False})
    with pytest.raises(ConfigurationError, match="migrate"):
        async with operator(settings):
            raise AssertionError("it started")
    await migrate(url)
    async with operator(settings) as application:
        assert application.readiness.is_open


async def test_the_schema_file_is_what_the_migrations_make(url: str) -> None:
    await migrate(url)
    made = await asyncio.to_thread(schema.dump, url)
    assert schema.FILE.read_text(encoding="utf-8") == made, "run `make schema`"


# --- an index on a big table, built while everybody goes on writing

INDEX = "0006_revocation_indexes.sql"
BUILDING = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid() AND state = 'active' AND datname = current_database()"
TURNED_AWAY = "SELECT count(*) = 3 FROM pg_stat_activity WHERE query = 'COMMIT;' AND datname = current_database()"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('revocations_of_user')"
END = "INSERT INTO revocations VALUES ('one', gen_random_uuid(), now(), now())"


@dataclass(frozen=True)
class Building:
    """An index that is being built and cannot be finished, because an older transaction goes on."""

    migrating: "asyncio.Task[list[str]]"
    bystander: "asyncpg.Connection[asyncpg.Record]"
    let_it_finish: Callable[[], Awaitable[None]]


@pytest.fixture
async def building(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Building]:
    for name in ALL[: ALL.index(INDEX)]:
        (tmp_path / name).write_bytes((DIRECTORY / name).read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "DIRECTORY", tmp_path)
        await migrate(url)
    older, bystander = await asyncpg.connect(url), await asyncpg.connect(url)
    snapshot = older.transaction(isolation="repeatable_read")
    await snapshot.start()
    await older.execute("SELECT count(*) FROM users")
    migrating = asyncio.create_task(migrate(url))
    await until(lambda: bystander.fetchval(BUILDING))
    yield Building(migrating, bystander, snapshot.rollback)
    await asyncio.wait([migrating])
    await older.close()
    await bystander.close()


async def test_sessions_end_while_the_index_of_endings_is_built(building: Building) -> None:
    await building.bystander.execute("SET lock_timeout = '5s'")
    await building.bystander.execute(END)
    await building.bystander.execute("DELETE FROM revocations")
    assert not building.migrating.done()
    await building.let_it_finish()
    assert INDEX in await building.migrating
    assert await building.bystander.fetchval(IS_VALID)


async def test_a_build_that_was_interrupted_is_begun_again(building: Building, url: str) -> None:
    await building.bystander.execute("SELECT pg_terminate_backend($1)", await building.bystander.fetchval(BUILDING))
    with pytest.raises(OUTAGES):
        await building.migrating
    assert await building.bystander.fetchval(IS_VALID) is False
    assert INDEX not in await entered(url)
    await building.let_it_finish()
    assert INDEX in await migrate(url)
    assert await building.bystander.fetchval(IS_VALID)


async def test_migrators_that_wait_do_not_keep_the_index_from_being_built(building: Building, url: str) -> None:
    others = [asyncio.create_task(migrate(url)) for _ in range(3)]
    await until(lambda: building.bystander.fetchval(TURNED_AWAY))
    await building.let_it_finish()
    assert INDEX in await building.migrating
    assert await asyncio.gather(*others) == [[]] * 3
