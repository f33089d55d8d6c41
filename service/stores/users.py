"""The `users` table."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.coalescing import Batch
from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.sessions.models import PendingRevocation
from service.errors import EmailTakenError, IdTakenError, InvalidInvitationError
from service.stores import account_lock, pending_revocations
from service.stores.changed_groups import CHANGED_GROUPS, groups_fit
from service.stores.pending_revocations import entered
from service.stores.postgres import Postgres

_COLUMNS = (
    "id, email, canonical_email, first_name, last_name, password_hash, api_key_sealed, created_at, password_changed_at,"
    " disabled_at, email_verified_at, second_factor_since, groups, language,"
    " claims, must_prove_address"
)
USER_FIELDS = _COLUMNS.split(", ")  # in the order of User's own
_GROUPS = USER_FIELDS.index("groups")
_NEW = """
    (
        id, email, canonical_email, first_name, last_name, password_hash, api_key_sealed, created_at,
        password_changed_at, language, api_key_digest, must_prove_address, attributes, email_verified_at, groups, claims
    )
    SELECT
        $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea, $8::timestamptz, $9::timestamptz,
        $10::text, $11::bytea, $12::boolean, $13::jsonb, $14::timestamptz, $15::text[], $16::jsonb
"""
_FREE = "NOT EXISTS (SELECT FROM email_changes WHERE canonical_email = $3 AND undo_until > $8)"
INSERT = f"INSERT INTO users {_NEW} WHERE {_FREE} RETURNING id"
# The address is looked at before the invitation is used: an account that cannot be made must not use it up.
INSERT_INVITED = f"""
    WITH address AS (SELECT {_FREE} AS is_free),
    invitation AS (
        DELETE FROM invitations USING address
        WHERE id = $17 AND expires_at > $8 AND canonical_email IN ('', $3) AND is_free
        RETURNING id
    ),
    added AS (INSERT INTO users {_NEW} FROM invitation RETURNING id)
    SELECT is_free, EXISTS (SELECT FROM added) AS is_added FROM address
"""  # noqa: S608 - our own statements
BY_EMAIL = f"SELECT {_COLUMNS} FROM users WHERE canonical_email = $1"  # noqa: S608 - as above
BY_IDS = f"SELECT {_COLUMNS} FROM users WHERE id = ANY($1::uuid[])"  # noqa: S608 - as above
BY_API_KEYS = f"""
    SELECT {_COLUMNS}, api_key_digest, earlier_api_key_digest, earlier_api_key_until
    FROM users
    WHERE api_key_digest = ANY($1::bytea[]) OR earlier_api_key_digest = ANY($1::bytea[])
"""  # noqa: S608 - as above
SET_API_KEY = """
    UPDATE users
    SET api_key_sealed = $2,
        api_key_digest = $3,
        earlier_api_key_digest = CASE WHEN $4::timestamptz IS NULL THEN NULL ELSE api_key_digest END,
        earlier_api_key_until = $4
    WHERE id = $1
"""
SET_PASSWORD = f"""
    WITH changed AS (
        UPDATE users
        SET password_hash = $7, password_changed_at = $5
        WHERE id = $2 AND password_changed_at = $6
        RETURNING id
    ),
    waiting_gone AS (DELETE FROM email_changes USING changed WHERE user_id = changed.id AND changed_at IS NULL)
    {pending_revocations.ENTER} FROM changed
    RETURNING user_id
"""  # noqa: S608 - our own statements
REMOVE = f"WITH removed AS (DELETE FROM users WHERE id = $2) {pending_revocations.ENTER}"  # noqa: S608 - as above
UPGRADE_PASSWORD = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"  # noqa: S105 - SQL
SEALED_API_KEYS = "SELECT id AS user_id, api_key_sealed AS sealed FROM users WHERE id > $1 ORDER BY id LIMIT $2"
RESEAL_API_KEYS = """
    UPDATE users
    SET api_key_sealed = anew.sealed, api_key_digest = anew.digest
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) AS anew (id, before, sealed, digest)
    WHERE users.id = anew.id AND users.api_key_sealed = anew.before
    RETURNING users.id
"""
DISABLE = f"WITH disabled AS (UPDATE users SET disabled_at = $6 WHERE id = $2) {pending_revocations.ENTER}"  # noqa: S608 - as above
ENABLE = "UPDATE users SET disabled_at = NULL WHERE id = $1"
SET_NAMES = f"""
    UPDATE users
    SET first_name = coalesce($2, first_name), last_name = coalesce($3, last_name)
    WHERE id = $1 AND disabled_at IS NULL
    RETURNING {_COLUMNS}
"""  # noqa: S608 - as above
CHANGE_GROUPS = f"""
    UPDATE users SET groups = {CHANGED_GROUPS} WHERE id = $1 AND {groups_fit("$4", "$5")} RETURNING groups
"""  # noqa: S608 - as above

_CHANGED_CLAIMS = "(claims || $2::jsonb) - $3::text[]"
CHANGE_CLAIMS = f"""
    UPDATE users SET claims = {_CHANGED_CLAIMS}
    WHERE id = $1 AND octet_length(({_CHANGED_CLAIMS})::text) <= $4
    RETURNING claims
"""  # noqa: S608 - as above


class PostgresUsers:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._by_id = Batch(self._by_ids)
        self._by_api_key = Batch(self._by_api_keys)

    async def add(
        self,
        user: User,
        api_key_digest: bytes,
        attributes: Mapping[str, str] | None = None,
        invitation_id: UUID | None = None,
    ) -> None:
        values = _values(user, api_key_digest, attributes or {})
        try:
            if invitation_id is None:
                row = await self._postgres.fetchrow(INSERT, *values)
            else:
                row = await self._postgres.fetchrow(INSERT_INVITED, *values, invitation_id)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "users_canonical_email_key":
                raise EmailTakenError from None
            if error.constraint_name == "users_pkey":  # which is looked at before the address
                raise (EmailTakenError if await self.by_email(user.canonical_email) else IdTakenError) from None
            raise
        if row is None or (invitation_id and not row["is_free"]):
            raise EmailTakenError
        if invitation_id and not row["is_added"]:
            raise InvalidInvitationError

    async def by_email(self, canonical_email: str) -> User | None:
        if "\0" in canonical_email:  # Postgres rejects a text with NUL
            return None
        return _user(await self._postgres.fetchrow(BY_EMAIL, canonical_email))

    async def by_id(self, user_id: UUID) -> User | None:
        return await self._by_id.ask(user_id)

    async def by_api_key(self, digests: Sequence[bytes], now: datetime) -> User | None:
        return await self._by_api_key.ask((digests, now))

    async def set_api_key(
        self, user_id: UUID, sealed: bytes, digest: bytes, earlier_until: datetime | None, *, session_id: str
    ) -> None:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id, session_id)
            await connection.execute(SET_API_KEY, user_id, sealed, digest, earlier_until)

    async def set_password(self, before: User, password_hash: str, ending: PendingRevocation) -> bool:
        values = (*entered(ending), before.password_changed_at, password_hash)
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, before.id)  # then a change of the address that was asked for is seen
            return await connection.fetchrow(SET_PASSWORD, *values) is not None

    async def remove(self, ending: PendingRevocation) -> None:
        await self._postgres.execute(REMOVE, *entered(ending))

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        await self._postgres.execute(UPGRADE_PASSWORD, user_id, old_hash, new_hash)

    async def disable(self, at: datetime, ending: PendingRevocation) -> None:
        await self._postgres.execute(DISABLE, *entered(ending), at)

    async def enable(self, user_id: UUID) -> None:
        await self._postgres.execute(ENABLE, user_id)

    async def set_names(self, user_id: UUID, first_name: str | None, last_name: str | None) -> User | None:
        row = await self._postgres.fetchrow(SET_NAMES, user_id, first_name, last_name)
        return user_of(row) if row else None

    async def change_groups(
        self, user_id: UUID, added: Sequence[str], removed: Sequence[str], most: int, most_bytes: int
    ) -> Sequence[str] | None:
        row = await self._postgres.fetchrow(CHANGE_GROUPS, user_id, list(added), list(removed), most, most_bytes)
        return tuple(row["groups"]) if row else None

    async def change_claims(self, user_id: UUID, added: str, removed: Sequence[str], most: int) -> str | None:
        row = await self._postgres.fetchrow(CHANGE_CLAIMS, user_id, added, list(removed), most)
        return str(row["claims"]) if row else None

    async def sealed_api_keys(self, after: UUID, limit: int) -> Sequence[Sealed]:
        return [Sealed(**row) for row in await self._postgres.fetch(SEALED_API_KEYS, after, limit)]

    async def reseal_api_keys(self, resealings: Sequence[Resealing]) -> int:
        rows = await self._postgres.fetch(
            RESEAL_API_KEYS,
            [one.user_id for one in resealings],
            [one.before for one in resealings],
            [one.sealed for one in resealings],
            [one.digest for one in resealings],
        )
        return len(rows)

    async def _by_ids(self, user_ids: Sequence[UUID]) -> list[User | None]:
        rows = await self._postgres.fetch(BY_IDS, list(set(user_ids)))
        found = {row["id"]: _user(row) for row in rows}
        return [found.get(user_id) for user_id in user_ids]

    async def _by_api_keys(self, questions: Sequence[tuple[Sequence[bytes], datetime]]) -> list[User | None]:
        rows = await self._postgres.fetch(BY_API_KEYS, list({one for digests, _ in questions for one in digests}))
        held = {row["api_key_digest"]: row for row in rows}
        earlier = {row["earlier_api_key_digest"]: row for row in rows}

        def answer(digests: Sequence[bytes], now: datetime) -> User | None:
            for digest in digests:
                if row := held.get(digest):
                    return _user(row)
                if (row := earlier.get(digest)) and row["earlier_api_key_until"] > now:
                    return _user(row)
            return None

        return [answer(digests, now) for digests, now in questions]


def _values(user: User, api_key_digest: bytes, attributes: Mapping[str, str]) -> tuple[object, ...]:
    return (
        user.id,
        user.email,
        user.canonical_email,
        user.first_name,
        user.last_name,
        user.password_hash,
        user.api_key_sealed,
        user.created_at,
        user.password_changed_at,
        user.language,
        api_key_digest,
        user.must_prove_address,
        json.dumps(dict(attributes)),
        user.email_verified_at,
        list(user.groups),
        user.claims,
    )


def _user(row: asyncpg.Record | None) -> User | None:
    return user_of(row) if row else None


def user_of(row: asyncpg.Record) -> User:
    """From a row that has a user's columns, and may have others."""
    values = [row[name] for name in USER_FIELDS]
    values[_GROUPS] = tuple(values[_GROUPS])
    return User(*values)  # by position: every call of a member reads a row, and names cost it a microsecond
