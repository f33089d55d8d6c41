"""The `signing_keys` table."""

from collections.abc import Callable, Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.domain.signing.models import StoredKey
from service.stores.postgres import Postgres

LOCK = 7_155_203_012  # any constant of our own will do: one instance or command changes the keys at a time
TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"
_COLUMNS = "kid, algorithm, public_jwk, sealed_private_jwk, created_at, ready_at, activates_at, retires_at, killed_at"
ALL = f"SELECT {_COLUMNS} FROM signing_keys ORDER BY created_at DESC, kid"  # noqa: S608 - our own column names
ANY = "SELECT EXISTS (SELECT FROM signing_keys)"
PUT = f"""
    INSERT INTO signing_keys ({_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (kid) DO UPDATE
    SET sealed_private_jwk = excluded.sealed_private_jwk,
        activates_at = excluded.activates_at,
        retires_at = excluded.retires_at,
        killed_at = excluded.killed_at
"""  # noqa: S608 - as above
REMOVE = "DELETE FROM signing_keys WHERE kid = ANY($1::text[])"


class PostgresSigningKeys:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def all(self) -> Sequence[StoredKey]:
        return [StoredKey(**row) for row in await self._postgres.fetch(ALL)]

    async def add_first(self, *keys: StoredKey) -> None:
        async with self._postgres.connection() as connection, connection.transaction():
            await connection.execute(TAKE_LOCK, LOCK)
            if not await connection.fetchval(ANY):
                await _put(connection, keys)

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        async with self._postgres.connection() as connection, connection.transaction():
            await connection.execute(TAKE_LOCK, LOCK)
            await _put(connection, decide([StoredKey(**row) for row in await connection.fetch(ALL)]))

    async def remove(self, kids: Sequence[str]) -> None:
        await self._postgres.execute(REMOVE, list(kids))


async def _put(connection: "PoolConnectionProxy[asyncpg.Record]", keys: Sequence[StoredKey]) -> None:
    for key in keys:
        await connection.execute(
            PUT,
            key.kid,
            key.algorithm,
            key.public_jwk,
            key.sealed_private_jwk,
            key.created_at,
            key.ready_at,
            key.activates_at,
            key.retires_at,
            key.killed_at,
        )
