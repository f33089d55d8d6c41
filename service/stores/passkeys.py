"""The `passkeys` table, and the challenges in Redis."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from service.domain.accounts.ports import Added
from service.domain.models import User
from service.domain.second_factors.models import Passkey
from service.domain.sessions.models import PendingRevocation
from service.stores import account_lock, redis_keys
from service.stores.pending_revocations import enter
from service.stores.postgres import Postgres
from service.stores.scripts import Scripts
from service.stores.second_factors import after_first, after_removal
from service.stores.users import USER_FIELDS, user_of

_COLUMNS = "id, user_id, name, public_key, sign_count, backed_up, transports, aaguid, rp_id, created_at, last_used_at"
_USERS = ", ".join(f"users.{name}" for name in USER_FIELDS)
_PASSKEYS = ", ".join(f"passkeys.{name} AS passkey_{name}" for name in _COLUMNS.split(", "))
OF_USER = f"SELECT {_COLUMNS} FROM passkeys WHERE user_id = $1 ORDER BY created_at, id"  # noqa: S608 - our own columns
FIND = f"""
    SELECT {_USERS}, {_PASSKEYS} FROM passkeys JOIN users ON users.id = passkeys.user_id WHERE passkeys.id = $1
"""  # noqa: S608 - as above
USE = """
    UPDATE passkeys
    SET sign_count = $2, backed_up = $3, last_used_at = $4
    WHERE id = $1 AND (sign_count < $2 OR ($2 = 0 AND sign_count = 0))
    RETURNING id
"""
HELD = "SELECT count(*) FROM passkeys WHERE user_id = $1"
INSERT = f"""
    INSERT INTO passkeys ({_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""  # noqa: S608 - as above
RENAME = "UPDATE passkeys SET name = $3 WHERE id = $2 AND user_id = $1 RETURNING id"
REMOVE = "DELETE FROM passkeys WHERE id = $2 AND user_id = $1 RETURNING id"
ARE_THERE = """
    SELECT
        coalesce((SELECT rp_id FROM passkeys WHERE rp_id >= $1 ORDER BY rp_id LIMIT 1) = $1, false) AS usable,
        coalesce((SELECT min(rp_id) FROM passkeys) <> $1 OR (SELECT max(rp_id) FROM passkeys) <> $1, false) AS others
"""


class PostgresPasskeys:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def of_user(self, user_id: UUID) -> Sequence[Passkey]:
        return [_passkey(row) for row in await self._postgres.fetch(OF_USER, user_id)]

    async def find(self, passkey_id: bytes) -> tuple[Passkey, User] | None:
        row = await self._postgres.fetchrow(FIND, passkey_id)
        return (_passkey(row, "passkey_"), user_of(row)) if row else None

    async def use(self, passkey_id: bytes, sign_count: int, at: datetime, *, backed_up: bool) -> bool:
        return await self._postgres.fetchrow(USE, passkey_id, sign_count, backed_up, at) is not None

    async def add(
        self, passkey: Passkey, most: int, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> Added:
        user_id = passkey.user_id
        async with self._postgres.connection() as connection, connection.transaction():
            owner = await account_lock.take(connection, user_id, ending.kept_session)
            if owner is None or await connection.fetchval(HELD, user_id) >= most:
                return Added.TOO_MANY
            if not await connection.fetchrow(INSERT, *_values(passkey)):
                return Added.EXISTS
            is_first = owner["second_factor_since"] is None
            if is_first:
                await after_first(connection, user_id, passkey.created_at, recovery_codes)
            await enter(connection, ending)
        return Added.FIRST if is_first else Added.FURTHER

    async def rename(self, user_id: UUID, passkey_id: bytes, name: str) -> bool:
        return await self._postgres.fetchrow(RENAME, user_id, passkey_id, name) is not None

    async def remove(self, user_id: UUID, passkey_id: bytes, *, may_be_last: bool = True) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id)
            if not await connection.fetchrow(REMOVE, user_id, passkey_id):
                return False
            await after_removal(connection, user_id, may_be_last=may_be_last)
        return True

    async def are_there(self, rp_id: str) -> tuple[bool, bool]:
        """Whether anybody has passkeys of this relying party, and of others."""
        row = await self._postgres.fetchrow(ARE_THERE, rp_id)
        return (row["usable"], row["others"]) if row else (False, False)


class RedisPasskeyChallenges:
    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._take = scripts.script("passkey_take")

    async def add(self, digest: str, meant_for: str, lifetime: timedelta) -> None:
        await self._redis.set(redis_keys.passkey(digest), meant_for, px=lifetime)

    async def take(self, digest: str) -> str | None:
        held = cast("bytes | None", await self._take([redis_keys.passkey(digest)], []))
        return held.decode() if held else None


def _passkey(row: asyncpg.Record, prefix: str = "") -> Passkey:
    values = {name: row[prefix + name] for name in _COLUMNS.split(", ")}
    return Passkey(**values | {"transports": tuple(values["transports"])})


def _values(passkey: Passkey) -> tuple[object, ...]:
    return (
        passkey.id,
        passkey.user_id,
        passkey.name,
        passkey.public_key,
        passkey.sign_count,
        passkey.backed_up,
        list(passkey.transports),
        passkey.aaguid,
        passkey.rp_id,
        passkey.created_at,
    )
