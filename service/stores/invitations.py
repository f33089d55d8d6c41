"""The `invitations` table. They are used in `users.py`, with the row of the account."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.domain.accounts.models import Invitation
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows deleted per statement: takes a fraction of the statement timeout
_COLUMNS = "id, email, canonical_email, is_mailed, created_at, expires_at"
INSERT = f"INSERT INTO invitations ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"  # noqa: S608 - our own columns
FIND = f"SELECT {_COLUMNS} FROM invitations WHERE id = $1 AND expires_at > $2"  # noqa: S608 - as above
LATEST = f"""
    SELECT {_COLUMNS} FROM invitations WHERE expires_at > $1 ORDER BY created_at DESC, id LIMIT $2
"""  # noqa: S608 - as above
REMOVE = "DELETE FROM invitations WHERE id = $1 RETURNING id"
FORGET = """
    WITH gone AS (
        DELETE FROM invitations
        WHERE id = ANY (ARRAY(
            SELECT id FROM invitations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""


class PostgresInvitations:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, invitation: Invitation) -> None:
        await self._postgres.execute(INSERT, *(getattr(invitation, name) for name in _COLUMNS.split(", ")))

    async def find(self, invitation_id: UUID, now: datetime) -> Invitation | None:
        row = await self._postgres.fetchrow(FIND, invitation_id, now)
        return Invitation(**row) if row else None

    async def latest(self, now: datetime, limit: int) -> Sequence[Invitation]:
        return [Invitation(**row) for row in await self._postgres.fetch(LATEST, now, limit)]

    async def remove(self, invitation_id: UUID) -> bool:
        return await self._postgres.fetchrow(REMOVE, invitation_id) is not None

    async def delete_expired(self, before: datetime) -> None:
        while True:
            row = await self._postgres.fetchrow(FORGET, before, AT_ONCE)
            if row is None or row["count"] < AT_ONCE:
                return
