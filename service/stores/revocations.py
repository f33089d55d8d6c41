"""The `revocations` table: sessions that are over, for as long as anything could bring them back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from service.domain.models import Revocation
from service.stores.postgres import Postgres

LOCK = 7_155_203_013  # any constant of our own will do: one instance restores
TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"
INSERT = """
    INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    ON CONFLICT (session_id) DO NOTHING
"""
FORGET = "DELETE FROM revocations WHERE forget_at <= $1"
ALL = "SELECT session_id, user_id, denied_until, forget_at FROM revocations"


class PostgresRevocations:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, revocations: Sequence[Revocation]) -> None:
        await self._postgres.execute(
            INSERT,
            [one.session_id for one in revocations],
            [one.user_id for one in revocations],
            [one.denied_until for one in revocations],
            [one.forget_at for one in revocations],
        )

    @asynccontextmanager
    async def recall(self, now: datetime) -> AsyncIterator[Sequence[Revocation]]:
        async with self._postgres.connection() as connection, connection.transaction():
            await connection.execute(TAKE_LOCK, LOCK)
            await connection.execute(FORGET, now)
            yield [Revocation(**row) for row in await connection.fetch(ALL)]
