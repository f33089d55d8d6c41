"""The `totp` and `recovery_codes` tables, and the mark that `users` has of them.

Changes of one user's factors take turns, by the lock on the account. A TOTP that is off is no factor yet.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.domain.accounts.ports import LastFactorError
from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.second_factors.models import ConfirmedTotp, HeldFactors
from service.domain.sessions.models import PendingRevocation
from service.stores import account_lock
from service.stores.account_lock import Connection
from service.stores.pending_revocations import enter
from service.stores.postgres import Postgres

OF_USER = """
    SELECT
        (SELECT confirmed_at FROM totp WHERE user_id = $1 AND is_on) AS totp_since,
        (SELECT count(*) FROM passkeys WHERE user_id = $1) AS passkeys,
        (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS recovery_codes_left
"""
TOTP_SECRET = "SELECT secret_sealed FROM totp WHERE user_id = $1 AND is_on"  # noqa: S105 - SQL
USE_STEP = "UPDATE totp SET last_step = $2 WHERE user_id = $1 AND is_on AND last_step < $2 RETURNING user_id"
USE_RECOVERY_CODE = "DELETE FROM recovery_codes WHERE user_id = $1 AND digest = ANY($2::bytea[]) RETURNING digest"
# A step that was used stays used: the secret may be the one that is there.
ADD_TOTP = """
    INSERT INTO totp (user_id, secret_sealed, confirmed_at, last_step, is_on)
    VALUES ($1, $2, $3, $4, true)
    ON CONFLICT (user_id) DO UPDATE
    SET secret_sealed = EXCLUDED.secret_sealed,
        confirmed_at = EXCLUDED.confirmed_at,
        last_step = greatest(totp.last_step, EXCLUDED.last_step),
        is_on = true
    WHERE NOT totp.is_on
    RETURNING user_id
"""
KEEP_TOTP = """
    INSERT INTO totp (user_id, secret_sealed, confirmed_at, last_step, is_on)
    VALUES ($1, $2, $3, $4, false)
    ON CONFLICT (user_id) DO UPDATE
    SET secret_sealed = EXCLUDED.secret_sealed,
        confirmed_at = EXCLUDED.confirmed_at,
        last_step = greatest(totp.last_step, EXCLUDED.last_step)
    RETURNING is_on
"""
IS_TOTP_ON = "SELECT is_on FROM totp WHERE user_id = $1"
# Whoever had it stored may have waited before turning it on: the factor is as old as that.
TURN_ON_TOTP = "UPDATE totp SET is_on = true, confirmed_at = greatest(confirmed_at, $2) WHERE user_id = $1"
TURN_OFF_TOTP = "UPDATE totp SET is_on = false WHERE user_id = $1"
REMOVE_TOTP = "DELETE FROM totp WHERE user_id = $1 AND is_on RETURNING user_id"
REMOVE_EVERY_TOTP = "DELETE FROM totp WHERE user_id = $1"
REMOVE_PASSKEYS = "DELETE FROM passkeys WHERE user_id = $1"
REMOVE_RECOVERY_CODES = "DELETE FROM recovery_codes WHERE user_id = $1"
ADD_RECOVERY_CODES = "INSERT INTO recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])"
MARK = "UPDATE users SET second_factor_since = coalesce(second_factor_since, $2) WHERE id = $1"
UNMARK = """
    UPDATE users
    SET second_factor_since = NULL
    WHERE id = $1
        AND NOT EXISTS (SELECT FROM totp WHERE user_id = $1 AND is_on)
        AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = $1)
    RETURNING id
"""
# A right password is proof of an account for as long as it is the account's, and while that asks for nothing else.
IS_STILL = """
    SELECT id
    FROM users
    WHERE id = $1 AND password_changed_at = $2 AND second_factor_since IS NULL AND disabled_at IS NULL
    FOR UPDATE
"""
SEALED_TOTP = "SELECT user_id, secret_sealed AS sealed FROM totp WHERE user_id > $1 ORDER BY user_id LIMIT $2"
RESEAL_TOTP = """
    UPDATE totp
    SET secret_sealed = anew.sealed
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS anew (user_id, before, sealed)
    WHERE totp.user_id = anew.user_id AND totp.secret_sealed = anew.before
    RETURNING totp.user_id
"""


class PostgresSecondFactors:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def of_user(self, user_id: UUID) -> HeldFactors:
        row = await self._postgres.fetchrow(OF_USER, user_id)
        return HeldFactors(**row) if row else HeldFactors()

    async def totp_secret(self, user_id: UUID) -> bytes | None:
        row = await self._postgres.fetchrow(TOTP_SECRET, user_id)
        return row["secret_sealed"] if row else None

    async def use_step(self, user_id: UUID, step: int) -> bool:
        return await self._postgres.fetchrow(USE_STEP, user_id, step) is not None

    async def use_recovery_code(self, user_id: UUID, digests: Sequence[bytes]) -> bool:
        return await self._postgres.fetchrow(USE_RECOVERY_CODE, user_id, list(digests)) is not None

    async def add_totp(self, totp: ConfirmedTotp, recovery_codes: Sequence[bytes], ending: PendingRevocation) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, totp.user_id, ending.kept_session)
            return await _add_totp(connection, totp, recovery_codes, ending)

    async def set_up_totp(
        self, totp: ConfirmedTotp, before: User, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            if not await connection.fetchrow(IS_STILL, before.id, before.password_changed_at):
                return False
            return await _add_totp(connection, totp, recovery_codes, ending)

    async def keep_totp(self, totp: ConfirmedTotp, ending: PendingRevocation) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, totp.user_id, ending.kept_session)
            is_on = bool(await connection.fetchval(KEEP_TOTP, *_values(totp)))
            if is_on:
                await enter(connection, ending)
        return is_on

    async def turn_on_totp(self, at: datetime, ending: PendingRevocation) -> bool | None:
        user_id = ending.user_id
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id, ending.kept_session)
            is_on = await connection.fetchval(IS_TOTP_ON, user_id)
            if is_on is not False:
                return None if is_on is None else False
            await connection.execute(TURN_ON_TOTP, user_id, at)
            await connection.execute(MARK, user_id, at)
            await enter(connection, ending)
        return True

    async def turn_off_totp(self, user_id: UUID, *, session_id: str, may_be_last: bool = True) -> bool | None:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id, session_id)
            is_on: bool | None = await connection.fetchval(IS_TOTP_ON, user_id)
            if is_on:
                await connection.execute(TURN_OFF_TOTP, user_id)
                await after_removal(connection, user_id, may_be_last=may_be_last)
        return is_on

    async def remove_totp(self, user_id: UUID) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id)
            if not await connection.fetchrow(REMOVE_TOTP, user_id):
                return False
            await after_removal(connection, user_id)
        return True

    async def replace_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], *, session_id: str) -> bool:
        async with self._postgres.connection() as connection, connection.transaction():
            account = await account_lock.take(connection, user_id, session_id)
            if account is None or account["second_factor_since"] is None:
                return False
            await _replace_recovery_codes(connection, user_id, digests)
        return True

    async def remove_all(self, ending: PendingRevocation) -> bool:
        user_id = ending.user_id
        async with self._postgres.connection() as connection, connection.transaction():
            account = await account_lock.take(connection, user_id)
            if account is None or account["second_factor_since"] is None:
                return False
            await connection.execute(REMOVE_EVERY_TOTP, user_id)
            await connection.execute(REMOVE_PASSKEYS, user_id)
            await after_removal(connection, user_id)
            await enter(connection, ending)
        return True

    async def sealed_totp(self, after: UUID, limit: int) -> Sequence[Sealed]:
        return [Sealed(**row) for row in await self._postgres.fetch(SEALED_TOTP, after, limit)]

    async def reseal_totp(self, resealings: Sequence[Resealing]) -> int:
        rows = await self._postgres.fetch(
            RESEAL_TOTP,
            [one.user_id for one in resealings],
            [one.before for one in resealings],
            [one.sealed for one in resealings],
        )
        return len(rows)


async def _add_totp(
    connection: Connection, totp: ConfirmedTotp, recovery_codes: Sequence[bytes], ending: PendingRevocation
) -> bool:
    if not await connection.fetchrow(ADD_TOTP, *_values(totp)):
        return False
    await after_first(connection, totp.user_id, totp.confirmed_at, recovery_codes)
    await enter(connection, ending)
    return True


def _values(totp: ConfirmedTotp) -> tuple[object, ...]:
    return totp.user_id, totp.secret_sealed, totp.confirmed_at, totp.step


async def after_first(connection: Connection, user_id: UUID, at: datetime, recovery_codes: Sequence[bytes]) -> None:
    """The account has its first factor, or one that brings recovery codes all the same."""
    await _replace_recovery_codes(connection, user_id, recovery_codes)
    await connection.execute(MARK, user_id, at)


async def after_removal(connection: Connection, user_id: UUID, *, may_be_last: bool = True) -> None:
    """Without another factor the account is one with a password alone, and its recovery codes are gone.

    Raises LastFactorError, which undoes the transaction.
    """
    if await connection.fetchrow(UNMARK, user_id):
        if not may_be_last:
            raise LastFactorError
        await connection.execute(REMOVE_RECOVERY_CODES, user_id)


async def _replace_recovery_codes(connection: Connection, user_id: UUID, digests: Sequence[bytes]) -> None:
    await connection.execute(REMOVE_RECOVERY_CODES, user_id)
    await connection.execute(ADD_RECOVERY_CODES, user_id, list(digests))
