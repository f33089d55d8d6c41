"""The `named_api_keys` table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.coalescing import Batch
from service.domain.models import NamedApiKey, User
from service.stores import account_lock
from service.stores.postgres import Postgres
from service.stores.users import USER_FIELDS, user_of

_COLUMNS = "id, user_id, name, prefix, scopes, rate, created_at, expires_at, last_used_at"
_USERS = ", ".join(f"users.{name}" for name in USER_FIELDS)
_KEYS = ", ".join(f"named_api_keys.{name} AS key_{name}" for name in _COLUMNS.split(", "))
REMOVE_EXPIRED = "DELETE FROM named_api_keys WHERE user_id = $1 AND expires_at <= $2"
INSERT = f"""
    INSERT INTO named_api_keys ({_COLUMNS}, digest)
    SELECT $1, users.id, $3, $4, $5, $6, $7, $8, NULL, $9
    FROM users
    WHERE users.id = $2 AND (SELECT count(*) FROM named_api_keys WHERE user_id = $2) < $10
    RETURNING id
"""  # noqa: S608 - our own columns
OF_USER = f"SELECT {_COLUMNS} FROM named_api_keys WHERE user_id = $1 ORDER BY created_at, id"  # noqa: S608 - as above
BY_DIGESTS = f"""
    SELECT {_USERS}, {_KEYS}, named_api_keys.digest
    FROM named_api_keys JOIN users ON users.id = named_api_keys.user_id
    WHERE named_api_keys.digest = ANY($1::bytea[])
"""  # noqa: S608 - as above
REMOVE = "DELETE FROM named_api_keys WHERE user_id = $1 AND id = $2 RETURNING id"
NOTE_USES = """
    WITH held AS (  -- in one order, so that two instances never wait for each other
        SELECT id FROM named_api_keys WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE named_api_keys
    SET last_used_at = used.at
    FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) JOIN held USING (id)
    WHERE named_api_keys.id = used.id AND coalesce(named_api_keys.last_used_at < used.at, true)
"""


class PostgresNamedApiKeys:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._by_digest = Batch(self._by_digests)

    async def add(self, key: NamedApiKey, digest: bytes, most: int, *, session_id: str) -> bool:
        values = key.id, key.user_id, key.name, key.prefix, list(key.scopes), key.rate, key.created_at, key.expires_at
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, key.user_id, session_id)  # and count what the one before has added
            await connection.execute(REMOVE_EXPIRED, key.user_id, key.created_at)
            return await connection.fetchrow(INSERT, *values, digest, most) is not None

    async def all_of(self, user_id: UUID) -> Sequence[NamedApiKey]:
        return [_key(row) for row in await self._postgres.fetch(OF_USER, user_id)]

    async def by_digest(self, digest: bytes) -> tuple[NamedApiKey, User] | None:
        return await self._by_digest.ask(digest)

    async def remove(self, user_id: UUID, key_id: UUID) -> bool:
        return await self._postgres.fetchrow(REMOVE, user_id, key_id) is not None

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        await self._postgres.execute(NOTE_USES, list(uses), list(uses.values()))

    async def _by_digests(self, digests: Sequence[bytes]) -> list[tuple[NamedApiKey, User] | None]:
        rows = await self._postgres.fetch(BY_DIGESTS, list(set(digests)))
        found = {row["digest"]: (_key(row, "key_"), user_of(row)) for row in rows}
        return [found.get(digest) for digest in digests]


def _key(row: asyncpg.Record, prefix: str = "") -> NamedApiKey:
    values = {name: row[prefix + name] for name in _COLUMNS.split(", ")}
    return NamedApiKey(**values | {"scopes": tuple(values["scopes"])})
