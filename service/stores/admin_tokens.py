"""The `admin_tokens` table."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.administration.models import AdminToken
from service.stores.postgres import Postgres

_COLUMNS = "id, name, scopes, networks, created_at, expires_at, last_used_at"
INSERT = f"""
    INSERT INTO admin_tokens ({_COLUMNS}, digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (name) DO NOTHING
    RETURNING id
"""  # noqa: S608 - our own columns
ALL = f"SELECT {_COLUMNS} FROM admin_tokens ORDER BY created_at, id"  # noqa: S608 - as above
BY_DIGEST = f"SELECT {_COLUMNS} FROM admin_tokens WHERE digest = $1"  # noqa: S608 - as above
NOTE_USE = "UPDATE admin_tokens SET last_used_at = $2 WHERE id = $1 AND coalesce(last_used_at < $2, true)"
REMOVE = "DELETE FROM admin_tokens WHERE name = $1 RETURNING id"


class PostgresAdminTokens:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, token: AdminToken, digest: bytes) -> bool:
        lists = list(token.scopes), list(token.networks)
        times = token.created_at, token.expires_at, token.last_used_at
        return await self._postgres.fetchrow(INSERT, token.id, token.name, *lists, *times, digest) is not None

    async def all(self) -> Sequence[AdminToken]:
        return [_token(row) for row in await self._postgres.fetch(ALL)]

    async def by_digest(self, digest: bytes) -> AdminToken | None:
        row = await self._postgres.fetchrow(BY_DIGEST, digest)
        return _token(row) if row else None

    async def note_use(self, token_id: UUID, at: datetime) -> None:
        await self._postgres.execute(NOTE_USE, token_id, at)

    async def remove(self, name: str) -> bool:
        return await self._postgres.fetchrow(REMOVE, name) is not None


def _token(row: asyncpg.Record) -> AdminToken:
    return AdminToken(**{**row, "scopes": tuple(row["scopes"]), "networks": tuple(row["networks"])})
