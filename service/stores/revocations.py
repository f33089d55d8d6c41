"""The `revocations` table: sessions that are over, for as long as anything could bring them back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from service.domain.batches import Batch
from service.domain.models import Passage, Place, Revocation
from service.stores.postgres import Postgres

LOCK = 7_155_203_013  # any constant of our own will do: one instance restores
PATIENCE = 10.0  # seconds: an hour of endings may be many, and another instance may be restoring them
STEP = 0.05  # seconds between two tries to be the one that restores
TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
INSERT = """
    INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    ON CONFLICT (session_id) DO NOTHING
"""
FORGET = "DELETE FROM revocations WHERE forget_at <= $1"
ALL = "SELECT session_id, user_id, denied_until, forget_at FROM revocations"
OF_USER = f"{ALL} WHERE user_id = $1"
DENIED = f"{ALL} WHERE denied_until > $1"
WHICH = "SELECT session_id FROM revocations WHERE session_id = ANY($1::text[])"
# Every transaction below the snapshot's xmin has ended, so no row of theirs can still appear: a place there is settled.
# A promoted replica and a restored backup go on from a lower number, and so may give a number a second time; but each
# is a server that was started at another time.
AFTER = """
    SELECT settled.place::text AS settled, settled.era, found.*
    FROM (
        SELECT
            pg_snapshot_xmin(pg_current_snapshot()) AS place,
            (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS era
    ) AS settled
    LEFT JOIN LATERAL (
        SELECT entered_by::text AS place, session_id, denied_until
        FROM revocations
        WHERE (entered_by, session_id) > ($1::text::xid8, $2::text) AND denied_until > $3
        ORDER BY entered_by, revocations.session_id
        LIMIT $4
    ) AS found ON true
"""


class PostgresRevocations:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._questions = Batch(self._which)

    async def add(self, revocations: Sequence[Revocation]) -> None:
        await self._postgres.execute(
            INSERT,
            [one.session_id for one in revocations],
            [one.user_id for one in revocations],
            [one.denied_until for one in revocations],
            [one.forget_at for one in revocations],
        )

    async def has(self, session_id: str) -> bool:
        return await self._questions.ask(session_id)

    async def forget(self, now: datetime) -> None:
        await self._postgres.execute(FORGET, now)

    async def of_user(self, user_id: UUID) -> Sequence[Revocation]:
        return [Revocation(**row) for row in await self._postgres.fetch(OF_USER, user_id)]

    async def after(self, place: Place, now: datetime, limit: int) -> Passage:
        rows = await self._postgres.fetch(AFTER, str(place.transaction), place.session_id, now, limit)
        entries = [(Place(int(row["place"]), row["session_id"]), row["denied_until"]) for row in rows if row["place"]]
        return Passage(entries, Place(int(rows[0]["settled"])), rows[0]["era"])

    @asynccontextmanager
    async def recall(self, now: datetime) -> AsyncIterator[Sequence[Revocation]]:
        """Waits without a connection: behind PgBouncer, all who wait could use up those that the first one needs."""
        for _ in range(int(PATIENCE / STEP)):
            async with self._postgres.connection() as connection, connection.transaction():
                if await connection.fetchval(TRY_LOCK, LOCK):
                    yield [Revocation(**row) for row in await connection.fetch(DENIED, now, timeout=PATIENCE)]
                    return
            await asyncio.sleep(STEP)
        raise TimeoutError

    async def _which(self, session_ids: Sequence[str]) -> list[bool]:
        ended = {row["session_id"] for row in await self._postgres.fetch(WHICH, list(session_ids))}
        return [session_id in ended for session_id in session_ids]
