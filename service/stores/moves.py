"""Accounts that move in or out: many rows of the `users` table at once, by COPY."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from service.domain.mail.models import Kind
from service.domain.transfer.models import Holder, KeptUser, NewRow
from service.stores.postgres import Postgres
from service.stores.users import USER_FIELDS, user_of

PATIENCE = 60.0  # seconds for one batch: a command waits longer than a request
COLUMNS = (
    "id",
    "email",
    "canonical_email",
    "first_name",
    "last_name",
    "password_hash",
    "api_key_sealed",
    "api_key_digest",
    "created_at",
    "password_changed_at",
    "disabled_at",
    "email_verified_at",
    "groups",
    "language",
    "attributes",
    "must_prove_address",
)
MAKE_INCOMING = f"""
    CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS
    SELECT {", ".join(COLUMNS)}, NULL::uuid AS reset_mail FROM users LIMIT 0
"""  # noqa: S608 - our own columns
# In one order everywhere: two imports of the same people wait for each other, and none dies of it.
INSERT = f"""
    INSERT INTO users ({", ".join(COLUMNS)})
    SELECT {", ".join(COLUMNS)}
    FROM incoming
    WHERE NOT EXISTS (
        SELECT FROM email_changes AS given_up
        WHERE given_up.canonical_email = incoming.canonical_email AND given_up.undo_until > incoming.password_changed_at
    )
    ORDER BY canonical_email
    ON CONFLICT DO NOTHING
    RETURNING id
"""  # noqa: S608 - as above
FILE_RESETS = """
    INSERT INTO mails (id, kind, recipient, language, facts)
    SELECT reset_mail, $2::text, canonical_email, language, '{}' FROM incoming
    WHERE reset_mail IS NOT NULL AND id = ANY($1::uuid[])
"""
HOLDERS = """
    SELECT id, email, canonical_email FROM users WHERE canonical_email = ANY($1::text[])
    UNION
    SELECT id, email, canonical_email FROM users WHERE id = ANY($2::uuid[])
"""
PAGE = f"SELECT {', '.join(USER_FIELDS)}, attributes FROM users WHERE id > $1 ORDER BY id LIMIT $2"  # noqa: S608 - as above
COUNT = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass('users')"


class PostgresMoves:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        async with self._postgres.connection() as connection, connection.transaction():
            await connection.execute(MAKE_INCOMING, timeout=PATIENCE)
            await connection.copy_records_to_table(
                "incoming", records=map(_record, rows), columns=(*COLUMNS, "reset_mail"), timeout=PATIENCE
            )
            added = [row["id"] for row in await connection.fetch(INSERT, timeout=PATIENCE)]
            if any(row.reset_mail for row in rows):
                await connection.execute(FILE_RESETS, added, Kind.RESET.value, timeout=PATIENCE)
        return set(added)

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(HOLDERS, list(canonical_emails), list(ids), timeout=PATIENCE)
        return [Holder(**row) for row in rows]

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(PAGE, after, limit, timeout=PATIENCE)
        return [KeptUser(user_of(row), json.loads(row["attributes"])) for row in rows]

    async def count(self) -> int:
        row = await self._postgres.fetchrow(COUNT)
        return int(row[0]) if row else 0


def _record(row: NewRow) -> tuple[object, ...]:
    user = row.user
    return (
        user.id,
        user.email,
        user.canonical_email,
        user.first_name,
        user.last_name,
        user.password_hash,
        user.api_key_sealed,
        row.api_key_digest,
        user.created_at,
        user.password_changed_at,
        user.disabled_at,
        user.email_verified_at,
        list(user.groups),
        user.language,
        json.dumps(dict(row.attributes)),
        user.must_prove_address,
        row.reset_mail,
    )
