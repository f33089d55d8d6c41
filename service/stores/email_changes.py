"""The `email_changes` table."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.accounts.models import EmailChange
from service.domain.recovery.models import DISTRUSTED, ConfirmedChange, UndoneChange
from service.errors import EmailTakenError
from service.stores import account_lock, pending_revocations
from service.stores.pending_revocations import entered
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows deleted per statement: takes a fraction of the statement timeout
TAKEN = "users_canonical_email_key"
_COLUMNS = "id, user_id, email, canonical_email, requested_at, changed_at, undo_until"
REQUEST = """
    INSERT INTO email_changes (id, user_id, email, canonical_email, was_verified, requested_at)
    VALUES ($1, $2, $3, $4, false, $5)
    ON CONFLICT (user_id) WHERE changed_at IS NULL
    DO UPDATE SET id = $1, email = $3, canonical_email = $4, requested_at = $5
"""
WAITING = f"SELECT {_COLUMNS} FROM email_changes WHERE user_id = $1 AND changed_at IS NULL"  # noqa: S608 - our own
UNDOABLE = f"SELECT {_COLUMNS} FROM email_changes WHERE user_id = $1 AND undo_until > $2"  # noqa: S608 - as above
# Locks are taken in the order of stores/proved_users.py: the account's row first.
CONFIRM = f"""
    WITH account AS (
        SELECT id, email, canonical_email, language, email_verified_at IS NOT NULL AS was_verified
        FROM users
        WHERE id = $2 AND password_changed_at = $7 AND canonical_email = $8 AND disabled_at IS NULL
        FOR UPDATE
    ),
    change AS (
        SELECT email_changes.id, user_id, email_changes.email, email_changes.canonical_email
        FROM email_changes JOIN account ON user_id = account.id
        WHERE email_changes.id = $6 AND changed_at IS NULL AND NOT EXISTS (
            SELECT FROM email_changes AS reserved
            WHERE reserved.canonical_email = email_changes.canonical_email
                AND reserved.undo_until > $9
                AND reserved.user_id <> account.id
        )
        FOR UPDATE OF email_changes
    ),
    changed AS (
        UPDATE users
        SET email = change.email,
            canonical_email = change.canonical_email,
            email_verified_at = CASE WHEN $12::boolean THEN $9 END
        FROM change
        WHERE users.id = change.user_id
        RETURNING users.id, users.email
    ),
    kept AS (
        UPDATE email_changes
        SET email = account.email,
            canonical_email = account.canonical_email,
            was_verified = account.was_verified,
            changed_at = $9,
            undo_until = $10
        FROM account, change
        WHERE email_changes.id = change.id
    ),
    told AS (
        INSERT INTO mails (id, kind, recipient, user_id, language, facts)
        SELECT $11, 'email_undo', account.email, account.id, account.language, jsonb_build_object('change', $6::uuid)
        FROM account, change
    ),
    entered AS ({pending_revocations.ENTER} FROM changed)
    SELECT email FROM changed
"""  # noqa: S608 - as above
# Who asked for the change may have been in the account for a while: a factor that was added in the week before is not
# kept either, nor are API keys and recovery codes of any age. A mail is as old as the password at the most:
# an older one is not sent.
UNDO = f"""
    WITH account AS (
        SELECT id, language FROM users WHERE id = $2 FOR UPDATE
    ),
    change AS (
        SELECT email_changes.id, user_id, email, canonical_email, was_verified, requested_at, (
            EXISTS (SELECT FROM totp WHERE user_id = $2 AND is_on AND confirmed_at < requested_at - $12::interval)
            OR EXISTS (SELECT FROM passkeys WHERE user_id = $2 AND created_at < requested_at - $12::interval)
        ) AS has_older_factor
        FROM email_changes JOIN account ON user_id = account.id
        WHERE email_changes.id = $6 AND undo_until > $7
        FOR UPDATE OF email_changes
    ),
    back AS (
        UPDATE users
        SET email = change.email,
            canonical_email = change.canonical_email,
            email_verified_at = CASE WHEN was_verified THEN $7::timestamptz END,
            password_hash = $8,
            password_changed_at = $5,
            second_factor_since = CASE WHEN has_older_factor THEN second_factor_since END,
            api_key_sealed = $9,
            api_key_digest = $10,
            earlier_api_key_digest = NULL,
            earlier_api_key_until = NULL
        FROM change
        WHERE users.id = change.user_id
        RETURNING users.id
    ),
    named_keys AS (DELETE FROM named_api_keys USING change WHERE named_api_keys.user_id = change.user_id),
    totp_gone AS (
        DELETE FROM totp USING change
        WHERE totp.user_id = change.user_id AND (NOT is_on OR confirmed_at >= requested_at - $12::interval)
    ),
    passkeys_gone AS (
        DELETE FROM passkeys USING change
        WHERE passkeys.user_id = change.user_id AND created_at >= requested_at - $12::interval
    ),
    codes_gone AS (DELETE FROM recovery_codes USING change WHERE recovery_codes.user_id = change.user_id),
    changes_gone AS (
        DELETE FROM email_changes USING change
        WHERE email_changes.user_id = change.user_id AND email_changes.requested_at >= change.requested_at
    ),
    told AS (
        INSERT INTO mails (id, kind, recipient, user_id, language, facts, created_at)
        SELECT $11, 'reset', change.canonical_email, account.id, account.language, '{{}}'::jsonb, greatest(now(), $5)
        FROM account, change
    ),
    entered AS ({pending_revocations.ENTER} FROM back)
    SELECT id FROM back
"""  # noqa: S608 - as above
FORGET = """
    WITH gone AS (
        DELETE FROM email_changes
        WHERE id = ANY (ARRAY(
            SELECT id FROM email_changes WHERE requested_at < $1 ORDER BY requested_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""


async def request(connection: account_lock.Connection, change: EmailChange) -> None:
    """In a transaction that has the account's lock."""
    fields = (change.id, change.user_id, change.email, change.canonical_email, change.requested_at)
    await connection.execute(REQUEST, *fields)


class PostgresEmailChanges:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def request(self, change: EmailChange, *, session_id: str) -> None:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, change.user_id, session_id)
            await request(connection, change)

    async def waiting(self, user_id: UUID) -> EmailChange | None:
        row = await self._postgres.fetchrow(WAITING, user_id)
        return EmailChange(**row) if row else None

    async def undoable(self, user_id: UUID, now: datetime) -> Sequence[EmailChange]:
        return [EmailChange(**row) for row in await self._postgres.fetch(UNDOABLE, user_id, now)]

    async def confirm(self, change: ConfirmedChange) -> str | None:
        before = change.before
        values = (
            *entered(change.ending),
            change.change_id,
            before.password_changed_at,
            before.canonical_email,
            change.at,
            change.undo_until,
            change.mail_id,
            change.is_proved,
        )
        try:
            async with self._postgres.connection() as connection, connection.transaction():
                await account_lock.take(connection, before.id, change.ending.kept_session)
                row = await connection.fetchrow(CONFIRM, *values)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == TAKEN:
                return None
            raise
        return str(row["email"]) if row else None

    async def undo(self, undone: UndoneChange) -> bool:
        values = (
            *entered(undone.ending),
            undone.change_id,
            undone.at,
            undone.password_hash,
            undone.api_key.sealed,
            undone.api_key.digest,
            undone.mail_id,
            DISTRUSTED,
        )
        try:
            async with self._postgres.connection() as connection, connection.transaction():
                await account_lock.take(connection, undone.ending.user_id)  # then what was added meanwhile is seen
                row = await connection.fetchrow(UNDO, *values)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == TAKEN:
                raise EmailTakenError from None
            raise
        return row is not None

    async def delete_expired(self, before: datetime) -> None:
        while True:
            row = await self._postgres.fetchrow(FORGET, before, AT_ONCE)
            if row is None or row["count"] < AT_ONCE:
                return
