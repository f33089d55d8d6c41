"""The `srp_verifiers` table."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from service.domain.operations.models import Resealing, Sealed
from service.domain.srp.models import StoredVerifier, VerifiedAccount
from service.stores.postgres import Postgres

_COLUMNS = "users.id, users.canonical_email, held.pool_id, held.salt, held.verifier_sealed, held.password_changed_at"
# One of an older password is of no use, and is not shown.
_ACCOUNTS = """
    users LEFT JOIN srp_verifiers AS held
    ON held.user_id = users.id AND held.password_changed_at = users.password_changed_at
"""
BY_EMAIL = f"SELECT {_COLUMNS} FROM {_ACCOUNTS} WHERE users.canonical_email = $1"  # noqa: S608 - our own words
BY_ID = f"SELECT {_COLUMNS} FROM {_ACCOUNTS} WHERE users.id = $1"  # noqa: S608 - as above
PUT = """
    INSERT INTO srp_verifiers (user_id, pool_id, salt, verifier_sealed, password_changed_at)
    SELECT id, $2::text, $3::bytea, $4::bytea, $5::timestamptz
    FROM users
    WHERE id = $1 AND password_changed_at = $5
    FOR UPDATE
    ON CONFLICT (user_id) DO UPDATE
    SET pool_id = EXCLUDED.pool_id,
        salt = EXCLUDED.salt,
        verifier_sealed = EXCLUDED.verifier_sealed,
        password_changed_at = EXCLUDED.password_changed_at
    RETURNING user_id
"""
REMOVE_SOME = """
    DELETE FROM srp_verifiers
    WHERE user_id = ANY (ARRAY(SELECT user_id FROM srp_verifiers ORDER BY user_id LIMIT $1))
    RETURNING user_id
"""
ARE_THERE = "SELECT user_id FROM srp_verifiers ORDER BY user_id LIMIT 1"
SEALED = """
    SELECT user_id, verifier_sealed AS sealed, pool_id FROM srp_verifiers WHERE user_id > $1 ORDER BY user_id LIMIT $2
"""
RESEAL = """
    UPDATE srp_verifiers
    SET verifier_sealed = anew.sealed
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS anew (user_id, before, sealed)
    WHERE srp_verifiers.user_id = anew.user_id AND srp_verifiers.verifier_sealed = anew.before
    RETURNING srp_verifiers.user_id
"""
AT_ONCE = 5_000  # rows of one statement


class PostgresVerifiers:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def by_email(self, canonical_email: str) -> VerifiedAccount | None:
        if "\0" in canonical_email:  # Postgres rejects a text with NUL
            return None
        return _account(await self._postgres.fetchrow(BY_EMAIL, canonical_email))

    async def by_id(self, user_id: UUID) -> VerifiedAccount | None:
        return _account(await self._postgres.fetchrow(BY_ID, user_id))

    async def put(self, verifier: StoredVerifier) -> bool:
        values = (verifier.user_id, verifier.pool_id, verifier.salt, verifier.sealed, verifier.password_changed_at)
        return await self._postgres.fetchrow(PUT, *values) is not None

    async def remove_all(self) -> int:
        count = 0
        while removed := len(await self._postgres.fetch(REMOVE_SOME, AT_ONCE)):
            count += removed
        return count

    async def are_there(self) -> bool:
        return await self._postgres.fetchrow(ARE_THERE) is not None

    async def sealed_verifiers(self, after: UUID, limit: int) -> Sequence[Sealed]:
        return [Sealed(**row) for row in await self._postgres.fetch(SEALED, after, limit)]

    async def reseal_verifiers(self, resealings: Sequence[Resealing]) -> int:
        rows = await self._postgres.fetch(
            RESEAL,
            [one.user_id for one in resealings],
            [one.before for one in resealings],
            [one.sealed for one in resealings],
        )
        return len(rows)


def _account(row: asyncpg.Record | None) -> VerifiedAccount | None:
    if row is None:
        return None
    held = row["verifier_sealed"] is not None
    verifier = StoredVerifier(
        user_id=row["id"],
        pool_id=row["pool_id"],
        salt=row["salt"],
        sealed=row["verifier_sealed"],
        password_changed_at=row["password_changed_at"],
    )
    return VerifiedAccount(row["id"], row["canonical_email"], verifier if held else None)
