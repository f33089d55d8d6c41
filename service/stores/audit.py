"""The `audit_events` table."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.events.audit_trail import BEGINNING, Entry, EventCount, EventCounts, Place
from service.domain.events.security_events import Event, Name, Outcome
from service.stores.account_lock import Connection
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows deleted per statement: takes a fraction of the statement timeout
_EVENT = ("name", "outcome", "reason", "user_id", "session_id", "account", "key_id", "source", "operator")
_COLUMNS = f"id, at, {', '.join(_EVENT)}, request_id"
INSERT = f"""
    INSERT INTO audit_events ({_COLUMNS})
    SELECT * FROM unnest(
        $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[]
    )
    ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - our own column names
LATEST = f"""
    SELECT {_COLUMNS}
    FROM audit_events
    WHERE at >= $1 AND at <= $3 AND (at < $3 OR id > $4)
    ORDER BY at DESC, id
    LIMIT $2
"""  # noqa: S608 - as above
OF_NAME = f"""
    SELECT {_COLUMNS}
    FROM audit_events
    WHERE name = $5 AND at >= $1 AND at <= $3 AND (at < $3 OR id > $4)
    ORDER BY at DESC, id
    LIMIT $2
"""  # noqa: S608 - as above
# Two queries, each in the order of its index: a single one would read every event of the user.
OF_USER = f"""
    SELECT {_COLUMNS}
    FROM (
        (
            SELECT {_COLUMNS}
            FROM audit_events
            WHERE user_id = $1 AND at >= $3 AND at <= $5 AND (at < $5 OR id > $6)
            ORDER BY at DESC, id
            LIMIT $4
        )
        UNION
        (
            SELECT {_COLUMNS}
            FROM audit_events
            WHERE account = $2 AND account <> '' AND at >= $3 AND at <= $5 AND (at < $5 OR id > $6)
            ORDER BY at DESC, id
            LIMIT $4
        )
    ) AS of_user
    ORDER BY at DESC, id
    LIMIT $4
"""  # noqa: S608 - as above
# The limit comes before the grouping: a busy site has more in a day than a page may cost.
COUNTS = """
    SELECT
        name, outcome, reason, floor(extract(epoch FROM at - $1) / 3600)::int AS hour, count(*) AS number,
        min(at) AS earliest
    FROM (
        SELECT name, outcome, reason, at FROM audit_events WHERE at >= $1 ORDER BY at DESC LIMIT $2
    ) AS newest
    GROUP BY name, outcome, reason, hour
"""
FORGET = """
    WITH gone AS (
        DELETE FROM audit_events
        WHERE id = ANY (ARRAY(
            SELECT id FROM audit_events WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""


class PostgresAuditTrail:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, entries: Sequence[Entry]) -> None:
        await self._postgres.execute(INSERT, *_arguments(entries))

    async def latest(self, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        return [_entry(row) for row in await self._postgres.fetch(LATEST, since, limit, *behind)]

    async def of_name(self, name: Name, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        rows = await self._postgres.fetch(OF_NAME, since, limit, *behind, name.value)
        return [_entry(row) for row in rows]

    async def of_user(
        self, user_id: UUID | None, account: str, since: datetime, limit: int, behind: Place = BEGINNING
    ) -> Sequence[Entry]:
        rows = await self._postgres.fetch(OF_USER, user_id, account, since, limit, *behind)
        return [_entry(row) for row in rows]

    async def counts(self, since: datetime, most: int) -> EventCounts:
        rows = await self._postgres.fetch(COUNTS, since, most)
        counts = [EventCount(*(row[name] for name in EventCount._fields)) for row in rows]
        is_whole = sum(one.number for one in counts) < most
        return EventCounts(counts, since if is_whole else min(row["earliest"] for row in rows))

    async def delete_expired(self, before: datetime) -> None:
        while True:
            row = await self._postgres.fetchrow(FORGET, before, AT_ONCE)
            if row is None or row["count"] < AT_ONCE:
                return


async def enter(connection: Connection, entries: Sequence[Entry], patience: float | None = None) -> None:
    """In the transaction of what they tell of; without `patience`, in the time of any query of a request."""
    await connection.execute(INSERT, *_arguments(entries), timeout=patience)


def _arguments(entries: Sequence[Entry]) -> Sequence[Sequence[object]]:
    return (
        [entry.id for entry in entries],
        [entry.at for entry in entries],
        *([getattr(entry.event, name) for entry in entries] for name in _EVENT),
        [entry.request_id for entry in entries],
    )


def _entry(row: asyncpg.Record) -> Entry:
    facts = {name: row[name] for name in _EVENT}
    facts |= {"name": Name(row["name"]), "outcome": Outcome(row["outcome"])}
    return Entry(row["id"], row["at"], Event(**facts), row["request_id"])
