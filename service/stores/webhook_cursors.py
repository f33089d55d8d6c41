"""The table `webhook_cursors`: where each endpoint is in the audit trail, which is read in commit order.

Every transaction below the snapshot's xmin has ended, so no event of theirs can still appear (decision 0011). A cursor
passes those alone: a long transaction delays the events that were entered after it began, and none is left out.
"""

from collections.abc import Sequence
from itertools import groupby

import asyncpg

from service.domain.webhooks.models import NewDelivery, TrailEvent, TrailPosition, Unread
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows changed per statement: takes a fraction of the statement timeout
BEGIN = """
    INSERT INTO webhook_cursors (endpoint, place, system)
    SELECT name, pg_snapshot_xmin(pg_current_snapshot()), system_identifier::text
    FROM unnest($1::text[]) AS name, pg_control_system()
    ON CONFLICT (endpoint) DO NOTHING
"""
UNREAD = """
    SELECT
        cursors.endpoint,
        cursors.place::text AS place,
        cursors.event_id AS reached,
        cursors.system <> (SELECT system_identifier::text FROM pg_control_system()) AS is_of_other_history,
        (
            SELECT true
            FROM webhook_deliveries AS due
            WHERE due.endpoint = cursors.endpoint AND due_at <= now() AND delivered_at IS NULL AND failed_at IS NULL
            ORDER BY due_at
            LIMIT 1
        ) IS NOT NULL AS has_due,
        found.*
    FROM webhook_cursors AS cursors
    LEFT JOIN LATERAL (
        SELECT entered_by::text AS entered_by, id, at, name, outcome, reason, user_id, session_id, key_id
        FROM audit_events
        WHERE entered_by IS NOT NULL
            AND (entered_by, id) > (cursors.place, cursors.event_id)
            AND entered_by < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY audit_events.entered_by, id
        LIMIT $2
    ) AS found ON true
    WHERE cursors.endpoint = ANY ($1::text[])
    ORDER BY cursors.endpoint, found.entered_by::xid8, found.id
"""
# The cursor is compared before it is set: of two instances that read the same events, one files their deliveries.
ADVANCE = """
    WITH moved AS (
        UPDATE webhook_cursors
        SET place = $4::text::xid8, event_id = $5, moved_at = now()
        WHERE endpoint = $1 AND place = $2::text::xid8 AND event_id = $3
        RETURNING endpoint
    )
    INSERT INTO webhook_deliveries (id, endpoint, event_id, type, body, can_wait)
    SELECT given.id, moved.endpoint, given.event_id, given.type, given.body, given.can_wait
    FROM moved, unnest($6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::boolean[])
        AS given (id, event_id, type, body, can_wait)
    ON CONFLICT (endpoint, event_id) DO NOTHING
"""
SETTLED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS place"
# What was entered within a day before the cursors' last moves, or after them, may be news. Numbers from $1 on are read
# in any case, unless they are of the other server, which may have been far ahead.
RENUMBER = """
    WITH renumbered AS (
        UPDATE audit_events
        SET entered_by = pg_current_xact_id()
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM audit_events
            WHERE at >= (
                    SELECT min(moved_at) - interval '1 day'
                    FROM webhook_cursors, pg_control_system()
                    WHERE system <> system_identifier::text
                )
                AND (entered_by < $1::text::xid8 OR entered_by > pg_snapshot_xmax(pg_current_snapshot()))
            ORDER BY at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM renumbered
"""
# The rest of the other server's numbers would be reached some day.
UNNUMBER = """
    WITH unnumbered AS (
        UPDATE audit_events
        SET entered_by = NULL
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM audit_events
            WHERE entered_by IS NOT NULL AND entered_by > pg_snapshot_xmax(pg_current_snapshot())
            ORDER BY entered_by
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM unnumbered
"""
REBASE = """
    UPDATE webhook_cursors
    SET
        place = $1::text::xid8,
        event_id = '00000000-0000-0000-0000-000000000000',
        system = current.system_identifier::text
    FROM pg_control_system() AS current
    WHERE system <> current.system_identifier::text
"""


class PostgresTrailCursors:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def begin(self, endpoints: Sequence[str]) -> None:
        await self._postgres.execute(BEGIN, list(endpoints))

    async def unread(self, endpoints: Sequence[str], limit: int) -> Sequence[Unread]:
        rows = await self._postgres.fetch(UNREAD, list(endpoints), limit)
        return [_unread(list(of_one)) for _, of_one in groupby(rows, key=lambda row: str(row["endpoint"]))]

    async def advance(self, unread: Unread, to: TrailPosition, deliveries: Sequence[NewDelivery]) -> None:
        place, event_id = unread.position
        await self._postgres.execute(
            ADVANCE,
            unread.endpoint,
            str(place),
            event_id,
            str(to.transaction),
            to.event_id,
            [one.id for one in deliveries],
            [one.event_id for one in deliveries],
            [one.type for one in deliveries],
            [one.body for one in deliveries],
            [one.can_wait for one in deliveries],
        )

    async def renumber(self) -> None:
        row = await self._postgres.fetchrow(SETTLED)
        assert row is not None  # noqa: S101 - there is always a snapshot
        while (some := await self._postgres.fetchrow(RENUMBER, row["place"], AT_ONCE)) and some["count"] == AT_ONCE:
            pass
        while (some := await self._postgres.fetchrow(UNNUMBER, AT_ONCE)) and some["count"] == AT_ONCE:
            pass
        await self._postgres.execute(REBASE, row["place"])


def _unread(rows: Sequence[asyncpg.Record]) -> Unread:
    first = rows[0]
    return Unread(
        endpoint=first["endpoint"],
        position=TrailPosition(int(first["place"]), first["reached"]),
        events=[_event(row) for row in rows if row["id"]],
        has_due=first["has_due"],
        is_of_other_history=first["is_of_other_history"],
    )


def _event(row: asyncpg.Record) -> TrailEvent:
    facts = ("at", "name", "outcome", "reason", "user_id", "session_id", "key_id")
    return TrailEvent(position=TrailPosition(int(row["entered_by"]), row["id"]), **{name: row[name] for name in facts})
