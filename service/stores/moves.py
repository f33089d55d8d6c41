"""Accounts that move in or out: many rows of the `users` table at once.

The rows of a batch are the arguments of one statement, a column each: as fast as COPY, which would need a table to copy
into, and the right to make it.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from service.domain.mail.models import Kind
from service.domain.transfer.models import Holder, KeptUser, NewRow
from service.stores import audit
from service.stores.postgres import Postgres
from service.stores.users import USER_FIELDS, user_of

PATIENCE = 60.0  # seconds for one batch: a command waits longer than a request
# In one order everywhere: two imports of the same people wait for each other, and none dies of it.
INSERT = """
    INSERT INTO users (
        id, email, canonical_email, first_name, last_name, password_hash, api_key_sealed, api_key_digest, created_at,
        password_changed_at, disabled_at, email_verified_at, language, must_prove_address, groups, attributes, claims
    )
    SELECT
        id, email, canonical_email, first_name, last_name, password_hash, api_key_sealed, api_key_digest, created_at,
        password_changed_at, disabled_at, email_verified_at, language, must_prove_address,
        string_to_array(joined_groups, ','), attributes::jsonb, claims::jsonb
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
        $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::boolean[],
        $15::text[], $16::text[], $17::text[]
    ) AS incoming (
        id, email, canonical_email, first_name, last_name, password_hash, api_key_sealed, api_key_digest, created_at,
        password_changed_at, disabled_at, email_verified_at, language, must_prove_address, joined_groups, attributes,
        claims
    )
    WHERE NOT EXISTS (
        SELECT FROM email_changes AS given_up
        WHERE given_up.canonical_email = incoming.canonical_email AND given_up.undo_until > incoming.password_changed_at
    )
    ORDER BY canonical_email
    ON CONFLICT DO NOTHING
    RETURNING id
"""
FILE_RESETS = """
    INSERT INTO mails (id, kind, recipient, language, facts)
    SELECT id, $4::text, recipient, language, '{}'
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS wish (id, recipient, language)
"""
HOLDERS = """
    SELECT id, email, canonical_email FROM users WHERE canonical_email = ANY($1::text[])
    UNION
    SELECT id, email, canonical_email FROM users WHERE id = ANY($2::uuid[])
"""
GIVEN_UP = "SELECT canonical_email FROM email_changes WHERE canonical_email = ANY($1::text[]) AND undo_until > $2"
PAGE = f"SELECT {', '.join(USER_FIELDS)}, attributes FROM users WHERE id > $1 ORDER BY id LIMIT $2"  # noqa: S608 - as above


class PostgresMoves:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        columns = zip(*map(_values, rows), strict=True)
        async with self._postgres.connection() as connection, connection.transaction():
            found = await connection.fetch(INSERT, *map(list, columns), timeout=PATIENCE)
            added = {row["id"] for row in found}
            if entries := [row.entry for row in rows if row.entry and row.user.id in added]:
                await audit.enter(connection, entries, PATIENCE)
            wishes = [
                (row.reset_mail, row.user.canonical_email, row.user.language)
                for row in rows
                if row.reset_mail and row.user.id in added
            ]
            if wishes:
                mails = map(list, zip(*wishes, strict=True))
                await connection.execute(FILE_RESETS, *mails, Kind.RESET.value, timeout=PATIENCE)
        return added

    async def add_one(self, row: NewRow) -> bool:
        columns = [[value] for value in _values(row)]
        async with self._postgres.connection() as connection, connection.transaction():
            is_added = bool(await connection.fetch(INSERT, *columns))
            if is_added and row.entry:
                await audit.enter(connection, [row.entry])
        return is_added

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(HOLDERS, list(canonical_emails), list(ids), timeout=PATIENCE)
        return [Holder(**row) for row in rows]

    async def given_up(self, canonical_emails: Sequence[str], at: datetime) -> Collection[str]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(GIVEN_UP, list(canonical_emails), at, timeout=PATIENCE)
        return [row["canonical_email"] for row in rows]

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(PAGE, after, limit, timeout=PATIENCE)
        return [KeptUser(user_of(row), json.loads(row["attributes"])) for row in rows]


def _values(row: NewRow) -> tuple[object, ...]:
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
        user.language,
        user.must_prove_address,
        ",".join(user.groups),  # no name of a group has a comma
        json.dumps(dict(row.attributes)),
        user.claims,
    )
