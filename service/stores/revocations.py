"""The `revocations` table: revoked sessions, kept for as long as anything could revive them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.coalescing import Batch
from service.domain.resource_servers.models import FeedPage, FeedPosition
from service.domain.sessions.models import EndedSession, Revocation
from service.stores.postgres import Postgres

LOCK = 7_155_203_013  # any constant of our own will do: one instance restores at a time
PATIENCE = 10.0  # seconds: an hour of revocations may be many, and another instance may be restoring them
STEP = 0.05  # seconds between two attempts to take the lock
AT_ONCE = 2_000  # rows deleted or read per statement: takes a fraction of the statement timeout
TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
# Only the clock of Postgres decides when a denial ends and when it may be deleted: instances' clocks differ. Sessions
# whose tokens are denied by their keys ($3 is 0) need no denial of their own. A refresh overtaken by a revocation may
# sign tokens for another minute; $3 includes it.
INSERT = """
    WITH ends AS (
        SELECT
            CASE WHEN $3::float8 = 0 THEN now() ELSE greatest(
                now() + make_interval(secs => $3::float8),
                max(least(used_until, now()) + make_interval(mins => 1, secs => token_seconds))
            ) END AS denied_until,
            greatest(
                now() + make_interval(secs => $4::float8),
                max(least(used_until, now()) + make_interval(secs => session_seconds))
            ) AS forget_at
        FROM longest_lives
    ), entered AS (
        INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
        SELECT ended.*, denied_until, greatest(denied_until, forget_at)
        FROM unnest($1::text[], $2::uuid[]) AS ended, ends
        ON CONFLICT (session_id) DO NOTHING
    )
    SELECT denied_until - now() AS denied_for FROM ends
"""
FORGET = """
    WITH gone AS (
        DELETE FROM revocations
        WHERE session_id = ANY (ARRAY(
            SELECT session_id FROM revocations WHERE forget_at <= now() ORDER BY forget_at LIMIT $1
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING session_id
    )
    SELECT count(*) AS count FROM gone
"""
_COLUMNS = "session_id, user_id, denied_until, forget_at"
OF_USER = f"""
    SELECT {_COLUMNS}
    FROM revocations
    WHERE user_id = $1 AND session_id > $2
    ORDER BY session_id
    LIMIT $3
"""  # noqa: S608 - our own column names
DENIED = """
    SELECT session_id, denied_until, denied_until - clock_timestamp() AS denied_for
    FROM revocations
    WHERE denied_until > now() AND (denied_until, session_id) > ($1, $2)
    ORDER BY denied_until, session_id
    LIMIT $3
"""
WHICH = "SELECT session_id FROM revocations WHERE session_id = ANY($1::text[])"
# Every transaction below the snapshot's xmin has ended, so no row of theirs can still appear: a place there is settled.
# A promoted replica and a restored backup continue from a lower number, and so may assign a number twice; but their
# server start times differ. Expired denials are returned too: skipping them here could mean reading a month of them.
AFTER = """
    SELECT settled.place::text AS settled, settled.era, found.*
    FROM (
        SELECT
            pg_snapshot_xmin(pg_current_snapshot()) AS place,
            (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS era
    ) AS settled
    LEFT JOIN LATERAL (
        SELECT entered_by::text AS place, session_id, denied_until, denied_until > now() AS in_force
        FROM revocations
        WHERE (entered_by, session_id) > ($1::text::xid8, $2::text)
        ORDER BY entered_by, revocations.session_id
        LIMIT $3
    ) AS found ON true
"""
# Without the fence (OFFSET 0) Postgres would read the feed's index up to the first row that is in force.
IN_FORCE = """
    SELECT min(entered_by)::text AS place
    FROM (
        SELECT entered_by FROM revocations WHERE denied_until > now() AND entered_by >= $1::text::xid8 OFFSET 0
    ) AS in_force
"""


class PostgresRevocations:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._questions = Batch(self._which)

    async def add(self, sessions: Sequence[EndedSession], token_life: timedelta, session_life: timedelta) -> timedelta:
        row = await self._postgres.fetchrow(
            INSERT,
            [one.session_id for one in sessions],
            [one.user_id for one in sessions],
            token_life.total_seconds(),
            session_life.total_seconds(),
        )
        assert row is not None  # noqa: S101 - an aggregate without GROUP BY always has a row
        return cast("timedelta", row["denied_for"])

    async def has(self, session_id: str) -> bool:
        return await self._questions.ask(session_id)

    async def delete_expired(self) -> None:
        while True:
            row = await self._postgres.fetchrow(FORGET, AT_ONCE)
            if row is None or row["count"] < AT_ONCE:
                return

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        return [Revocation(**row) for row in await self._postgres.fetch(OF_USER, user_id, after, limit)]

    async def after(self, place: FeedPosition, limit: int) -> FeedPage:
        entries: list[tuple[FeedPosition, datetime]] = []
        first: asyncpg.Record | None = None
        while True:
            rows = await self._postgres.fetch(AFTER, str(place.transaction), place.session_id, limit)
            first = first or rows[0]  # a place settled at the first query is settled for all
            found = [row for row in rows if row["place"]]
            in_force = [(_place(row), row["denied_until"]) for row in found if row["in_force"]]
            entries += in_force
            if len(found) < limit or len(entries) >= limit:
                break
            place = _place(found[-1])
            if len(in_force) < limit / 2:
                row = await self._postgres.fetchrow(IN_FORCE, str(place.transaction))
                if row is None or row["place"] is None:
                    break
                place = max(place, FeedPosition(int(row["place"])))
        return FeedPage(entries[:limit], FeedPosition(int(first["settled"])), first["era"])

    @asynccontextmanager
    async def recall(self) -> AsyncIterator[Callable[[], Awaitable[Mapping[str, timedelta]]]]:
        """Waits without a connection: behind PgBouncer, those that wait could use up the ones that the first needs."""
        for _ in range(int(PATIENCE / STEP)):
            async with self._postgres.connection() as connection, connection.transaction():
                if await connection.fetchval(TRY_LOCK, LOCK):
                    yield partial(_denied, connection)
                    return
            await asyncio.sleep(STEP)
        raise TimeoutError

    async def _which(self, session_ids: Sequence[str]) -> list[bool]:
        ended = {row["session_id"] for row in await self._postgres.fetch(WHICH, list(session_ids))}
        return [session_id in ended for session_id in session_ids]


def _place(row: asyncpg.Record) -> FeedPosition:
    return FeedPosition(int(row["place"]), row["session_id"])


async def _denied(connection: "PoolConnectionProxy[asyncpg.Record]") -> dict[str, timedelta]:
    """Page by page: one statement for all could exceed the statement timeout every time."""
    found: dict[str, timedelta] = {}
    last = datetime(1970, 1, 1, tzinfo=UTC), ""
    while rows := await connection.fetch(DENIED, *last, AT_ONCE):
        found |= {row["session_id"]: row["denied_for"] for row in rows}
        last = rows[-1]["denied_until"], rows[-1]["session_id"]
    return found
