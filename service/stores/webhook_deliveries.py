"""The table `webhook_deliveries`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg

from service.domain.webhooks.models import DueDelivery, EndpointState, ListedDelivery
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows changed per statement: takes a fraction of the statement timeout
MOST_COUNTED = 1_000
MOST_OF_A_REPLY = 200  # characters
LAST_ID = UUID(int=2**128 - 1)


# ANY(ARRAY(...)), because in a join the locking subquery could be run again, and lock more rows than its limit.
def _claim(which: str) -> str:
    return f"""
    UPDATE webhook_deliveries
    SET due_at = now() + $3::interval, attempts = attempts + 1
    WHERE id = ANY (ARRAY(
        SELECT id
        FROM webhook_deliveries
        WHERE endpoint = $1 AND due_at <= now() AND delivered_at IS NULL AND failed_at IS NULL AND {which}
        ORDER BY due_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING id, event_id, type, body, attempts
"""  # noqa: S608 - our own conditions


CLAIM_FIRST = _claim("NOT can_wait")
CLAIM = _claim("true")
DELIVER = """
    UPDATE webhook_deliveries SET delivered_at = now(), failed_at = NULL, last_reply = $2
    WHERE id = $1 AND delivered_at IS NULL
"""
POSTPONE = """
    UPDATE webhook_deliveries SET due_at = now() + $2::interval, last_reply = $3
    WHERE id = $1 AND delivered_at IS NULL AND failed_at IS NULL
"""
GIVE_UP = """
    UPDATE webhook_deliveries SET failed_at = now(), last_reply = $2
    WHERE id = $1 AND delivered_at IS NULL AND failed_at IS NULL
"""


def _page(which: str) -> str:
    return f"""
    SELECT page.*
    FROM webhook_cursors AS cursors
    JOIN LATERAL (
        SELECT
            id, endpoint, event_id, type, created_at, due_at, attempts, delivered_at, failed_at, last_reply
        FROM webhook_deliveries AS one
        WHERE one.endpoint = cursors.endpoint AND {which} AND (one.created_at, one.id) < (
            coalesce((SELECT created_at FROM webhook_deliveries WHERE id = $2), 'infinity'), coalesce($2::uuid, $3)
        )
        ORDER BY one.created_at DESC, one.id DESC
        LIMIT $4
    ) AS page ON true
    WHERE $1 = '' OR cursors.endpoint = $1
    ORDER BY page.created_at DESC, page.id DESC
    LIMIT $4
"""  # noqa: S608 - our own conditions


LISTED = _page("true")
LISTED_FAILED = _page("one.failed_at IS NOT NULL")
RETRY = """
    UPDATE webhook_deliveries SET due_at = now(), attempts = 0, delivered_at = NULL, failed_at = NULL
    WHERE id = $1
    RETURNING id
"""
RETRY_FAILED = """
    WITH again AS (
        UPDATE webhook_deliveries
        SET due_at = now(), attempts = 0, failed_at = NULL
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM webhook_deliveries
            WHERE endpoint = $1 AND failed_at IS NOT NULL
            ORDER BY created_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM again
"""
STATE = """
    SELECT
        cursors.endpoint,
        waiting.count AS waiting,
        greatest(now() - least(waiting.oldest, unread.at), interval '0') AS oldest,
        failed.count AS failed,
        coalesce(failed.last_reply, '') AS last_reply
    FROM webhook_cursors AS cursors
    CROSS JOIN LATERAL (
        SELECT count(*) AS count, min(created_at) AS oldest
        FROM (
            SELECT created_at
            FROM webhook_deliveries AS one
            WHERE one.endpoint = cursors.endpoint AND delivered_at IS NULL AND failed_at IS NULL
            ORDER BY due_at
            LIMIT $2
        ) AS counted
    ) AS waiting
    CROSS JOIN LATERAL (
        SELECT count(*) AS count, (array_agg(last_reply ORDER BY created_at DESC))[1] AS last_reply
        FROM (
            SELECT created_at, last_reply
            FROM webhook_deliveries AS one
            WHERE one.endpoint = cursors.endpoint AND failed_at IS NOT NULL
            ORDER BY created_at DESC, id DESC
            LIMIT $2
        ) AS counted
    ) AS failed
    LEFT JOIN LATERAL (
        SELECT at
        FROM audit_events
        WHERE entered_by IS NOT NULL AND (entered_by, id) > (cursors.place, cursors.event_id)
        ORDER BY entered_by, id
        LIMIT 1
    ) AS unread ON true
    WHERE cursors.endpoint = ANY ($1::text[])
    ORDER BY cursors.endpoint
"""
FORGET = """
    WITH gone AS (
        DELETE FROM webhook_deliveries
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM webhook_deliveries
            WHERE (delivered_at IS NOT NULL OR failed_at IS NOT NULL) AND created_at < now() - $1::interval
            ORDER BY created_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""
# The lease of an instance that still has the endpoint keeps its deliveries here.
FORGET_ORPHANS = """
    WITH gone AS (
        DELETE FROM webhook_deliveries
        WHERE id = ANY (ARRAY(
            SELECT one.id
            FROM webhook_cursors AS cursors
            JOIN LATERAL (
                SELECT id
                FROM webhook_deliveries AS due
                WHERE due.endpoint = cursors.endpoint AND due_at < now() - $1::interval
                    AND delivered_at IS NULL AND failed_at IS NULL
                ORDER BY due_at
                LIMIT $2
            ) AS one ON true
            WHERE cursors.endpoint <> ALL ($3::text[])
            LIMIT $2
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""


class PostgresWebhookDeliveries:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def claim(self, endpoint: str, limit: int, lease: timedelta) -> Sequence[DueDelivery]:
        rows = await self._postgres.fetch(CLAIM_FIRST, endpoint, limit, lease)
        if len(rows) < limit:
            rows += await self._postgres.fetch(CLAIM, endpoint, limit - len(rows), lease)
        return [DueDelivery(**row) for row in rows]

    async def deliver(self, delivery_id: UUID, reply: str) -> None:
        await self._postgres.execute(DELIVER, delivery_id, reply[:MOST_OF_A_REPLY])

    async def postpone(self, delivery_id: UUID, pause: timedelta, reply: str) -> None:
        await self._postgres.execute(POSTPONE, delivery_id, pause, reply[:MOST_OF_A_REPLY])

    async def give_up(self, delivery_id: UUID, reply: str) -> None:
        await self._postgres.execute(GIVE_UP, delivery_id, reply[:MOST_OF_A_REPLY])

    async def listed(
        self, limit: int, *, endpoint: str = "", after: UUID | None = None, only_failed: bool = False
    ) -> Sequence[ListedDelivery]:
        if only_failed:
            rows = await self._postgres.fetch(LISTED_FAILED, endpoint, after, LAST_ID, limit)
        else:
            rows = await self._postgres.fetch(LISTED, endpoint, after, LAST_ID, limit)
        return [ListedDelivery(**row) for row in rows]

    async def retry(self, delivery_id: UUID) -> bool:
        return await self._postgres.fetchrow(RETRY, delivery_id) is not None

    async def retry_failed(self, endpoint: str) -> int:
        return await _in_batches(lambda: self._postgres.fetchrow(RETRY_FAILED, endpoint, AT_ONCE))

    async def state(self, endpoints: Sequence[str]) -> Sequence[EndpointState]:
        rows = await self._postgres.fetch(STATE, list(endpoints), MOST_COUNTED)
        return [EndpointState(**{**row, "oldest": row["oldest"] or timedelta(0)}) for row in rows]

    async def delete_expired(self, after: timedelta, endpoints: Sequence[str]) -> None:
        await _in_batches(lambda: self._postgres.fetchrow(FORGET, after, AT_ONCE))
        await _in_batches(lambda: self._postgres.fetchrow(FORGET_ORPHANS, after, AT_ONCE, list(endpoints)))


async def _in_batches(ask: Callable[[], Awaitable[asyncpg.Record | None]]) -> int:
    """Until a batch is not full; how many rows in all."""
    total = 0
    while True:
        row = await ask()
        count = int(row["count"]) if row else 0
        total += count
        if count < AT_ONCE:
            return total
