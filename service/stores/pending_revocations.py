"""The `pending_endings` table: revocations that a change of an account requires, until they are done."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.domain.sessions.models import PendingRevocation
from service.stores.postgres import Postgres

AT_ONCE = 20  # pending revocations that one instance takes over at a time
# Part of a statement that also changes the account: both happen, or neither. The instance that made the change has
# three seconds for the revocation.
ENTER = """
    INSERT INTO pending_endings (id, user_id, kept_session, reason, password_changed_at, due_at)
    SELECT $1::uuid, $2::uuid, $3::text, $4::text, $5::timestamptz, now() + interval '3 seconds'
"""
REMOVE = "DELETE FROM pending_endings WHERE id = $1"
TAKE_OVER = """
    UPDATE pending_endings
    SET due_at = now() + interval '3 seconds'
    WHERE id IN (
        SELECT id
        FROM pending_endings
        WHERE due_at <= now()
        ORDER BY due_at
        LIMIT $1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, user_id, kept_session, reason, password_changed_at, asked_at
"""


def entered(ending: PendingRevocation) -> tuple[object, ...]:
    """The first five arguments of a statement that contains ENTER: $2 is the user, $5 the time of the change."""
    return ending.id, ending.user_id, ending.kept_session, ending.reason, ending.password_changed_at


async def enter(connection: "PoolConnectionProxy[asyncpg.Record]", ending: PendingRevocation) -> None:
    """In the transaction of several statements that change the account."""
    await connection.execute(ENTER, *entered(ending))


class PostgresPendingRevocations:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, ending: PendingRevocation) -> None:
        await self._postgres.execute(ENTER, *entered(ending))

    async def remove(self, ending_id: UUID) -> None:
        await self._postgres.execute(REMOVE, ending_id)

    async def take_over(self) -> Sequence[PendingRevocation]:
        return [PendingRevocation(**row) for row in await self._postgres.fetch(TAKE_OVER, AT_ONCE)]
