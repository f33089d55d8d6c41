"""The `signing_keys` table."""

from collections.abc import Sequence

from service.domain.models import StoredKey
from service.stores.postgres import Postgres

LOCK = 7_155_203_012  # any constant of our own will do: one instance makes the first key
TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"
ALL = """
    SELECT kid, algorithm, public_jwk, sealed_private_jwk, created_at
    FROM signing_keys
    ORDER BY created_at DESC, kid
"""
INSERT_FIRST = """
    INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_jwk, created_at)
    SELECT $1, $2, $3, $4, $5
    WHERE NOT EXISTS (SELECT FROM signing_keys)
"""


class PostgresSigningKeys:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def all(self) -> Sequence[StoredKey]:
        return [StoredKey(**row) for row in await self._postgres.fetch(ALL)]

    async def add_first(self, key: StoredKey) -> None:
        async with self._postgres.connection() as connection, connection.transaction():
            await connection.execute(TAKE_LOCK, LOCK)
            await connection.execute(
                INSERT_FIRST, key.kid, key.algorithm, key.public_jwk, key.sealed_private_jwk, key.created_at
            )
