"""Changes in `users` by somebody who reads the account's mails."""

from datetime import datetime
from uuid import UUID

from service.domain.models import User
from service.domain.recovery.models import PasswordReset
from service.stores import account_lock, pending_revocations
from service.stores.pending_revocations import entered
from service.stores.postgres import Postgres
from service.stores.users import PostgresUsers

# The account's row is locked first, here and in the changes of addresses, so that none of these waits for another one
# that waits for it. A row that was changed while this waited for it is judged as it is then.
RESET = f"""
    WITH account AS (
        SELECT id, email_verified_at IS NULL AS is_first, email_verified_at IS NULL OR $9::boolean AS replaces_key
        FROM users
        WHERE id = $2 AND password_changed_at = $6 AND canonical_email = $7 AND disabled_at IS NULL
            AND (email_verified_at IS NULL OR NOT $13::boolean)
        FOR UPDATE
    ),
    reset AS (
        UPDATE users
        SET password_hash = $8,
            password_changed_at = $5,
            email_verified_at = coalesce(email_verified_at, $10),
            must_prove_address = false,
            attributes = CASE WHEN is_first THEN '{{}}' ELSE attributes END,
            second_factor_since = CASE WHEN is_first THEN NULL ELSE second_factor_since END,
            api_key_sealed = CASE WHEN replaces_key THEN $11 ELSE api_key_sealed END,
            api_key_digest = CASE WHEN replaces_key THEN $12 ELSE api_key_digest END,
            earlier_api_key_digest = CASE WHEN replaces_key THEN NULL ELSE earlier_api_key_digest END,
            earlier_api_key_until = CASE WHEN replaces_key THEN NULL ELSE earlier_api_key_until END
        FROM account
        WHERE users.id = account.id
        RETURNING account.is_first
    ),
    named_keys AS (DELETE FROM named_api_keys USING account WHERE user_id = account.id AND replaces_key),
    totp_gone AS (DELETE FROM totp USING account WHERE user_id = account.id AND is_first),
    codes_gone AS (DELETE FROM recovery_codes USING account WHERE user_id = account.id AND is_first),
    passkeys_gone AS (DELETE FROM passkeys USING account WHERE user_id = account.id AND is_first),
    changes_gone AS (
        DELETE FROM email_changes USING account WHERE user_id = account.id AND (is_first OR changed_at IS NULL)
    ),
    entered AS ({pending_revocations.ENTER} FROM reset)
    SELECT is_first FROM reset
"""  # noqa: S608 - our own statements
PROVE = """
    UPDATE users
    SET email_verified_at = $3, must_prove_address = false
    WHERE id = $1 AND canonical_email = $2 AND email_verified_at IS NULL AND disabled_at IS NULL
    RETURNING id
"""


class PostgresProvedUsers:
    def __init__(self, postgres: Postgres, users: PostgresUsers) -> None:
        self._postgres = postgres
        self._users = users

    async def by_email(self, canonical_email: str) -> User | None:
        return await self._users.by_email(canonical_email)

    async def by_id(self, user_id: UUID) -> User | None:
        return await self._users.by_id(user_id)

    async def reset(self, reset: PasswordReset) -> bool | None:
        values = (
            *entered(reset.ending),
            reset.before.password_changed_at,
            reset.before.canonical_email,
            reset.password_hash,
            reset.replace_api_key,
            reset.at,
            reset.api_key.sealed,
            reset.api_key.digest,
            reset.is_first_proof,
        )
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, reset.before.id)  # then what was added meanwhile is seen, and removed
            row = await connection.fetchrow(RESET, *values)
        return bool(row["is_first"]) if row else None

    async def prove(self, before: User, at: datetime) -> bool:
        return await self._postgres.fetchrow(PROVE, before.id, before.canonical_email, at) is not None
