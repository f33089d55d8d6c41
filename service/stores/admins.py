"""The `admins` table."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from service.domain.administration.models import Admin
from service.stores.postgres import Postgres

# An account that is gone gets no row, and no error.
GRANT = """
    INSERT INTO admins (user_id, granted_at, granted_by)
    SELECT id, $2, $3 FROM users WHERE id = $1 FOR KEY SHARE
    ON CONFLICT (user_id) DO NOTHING
    RETURNING user_id
"""
REVOKE = "DELETE FROM admins WHERE user_id = $1 RETURNING user_id"
FIND = "SELECT user_id, granted_at, granted_by FROM admins WHERE user_id = $1"
ALL = "SELECT user_id, granted_at, granted_by FROM admins ORDER BY granted_at, user_id"


class PostgresAdmins:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def grant(self, admin: Admin) -> bool:
        row = await self._postgres.fetchrow(GRANT, admin.user_id, admin.granted_at, admin.granted_by)
        return row is not None

    async def revoke(self, user_id: UUID) -> bool:
        return await self._postgres.fetchrow(REVOKE, user_id) is not None

    async def find(self, user_id: UUID) -> Admin | None:
        row = await self._postgres.fetchrow(FIND, user_id)
        return _admin(row) if row else None

    async def all(self) -> Sequence[Admin]:
        return [_admin(row) for row in await self._postgres.fetch(ALL)]


def _admin(row: asyncpg.Record) -> Admin:
    return Admin(**row)
