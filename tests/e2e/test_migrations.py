"""The schema comes by migrations alone: each applied once, whoever starts, and never changed afterwards."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from service.errors import ConfigurationError
from service.stores.migrations import DIRECTORY, migrate
from tests import schema
from tests.conftest import real_settings
from tests.e2e.ground import empty_database, operator

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
    async with operator(settings) as house:
        assert house.services.readiness.is_open


async def test_the_schema_file_is_what_the_migrations_make(url: str) -> None:
    await migrate(url)
    made = await asyncio.to_thread(schema.dump, url)
    assert schema.FILE.read_text(encoding="utf-8") == made, "run `make schema`"
