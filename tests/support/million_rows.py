"""A database with a million rows in every table that grows with users, as a busy site has after a month."""

import asyncio

import asyncpg

from service.stores.migrations import migrate

ROWS = 1_000_000
BIG = (
    "users",
    "revocations",
    "audit_events",
    "mails",
    "email_changes",
    "totp",
    "recovery_codes",
    "passkeys",
    "named_api_keys",
    "srp_verifiers",
    "webhook_deliveries",
    "invitations",
)
HEAVY = "md5('heavy')::uuid"  # one user in ten rows of what is kept of users: the one who slows everybody down
# Ids are random as those of the service are. Of a month of endings the last day is still denied and the first may be
# forgotten; of three months of events the first day has outlived its time.
FILL = {
    "users": """
        INSERT INTO users
        SELECT md5(i::text)::uuid, 'u' || i || '@example.com', 'u' || i || '@example.com', 'Ada', 'Lovelace',
            repeat('x', 60), decode(md5(i::text), 'hex'), decode(md5(i::text), 'hex'), now(), '2026-01-01T00:00:00Z', NULL,
            CASE WHEN i % 10 = 0 THEN decode(md5('earlier' || i), 'hex') END,
            CASE WHEN i % 10 = 0 THEN now() + interval '1 day' END
        FROM generate_series(1, {rows}) AS i
    """,
    "revocations": """
        INSERT INTO revocations
        SELECT md5(i::text), CASE WHEN i % 10 = 0 THEN {heavy} ELSE md5((i % 100000)::text)::uuid END,
            at + interval '1 day', at + interval '30 days', i::text::xid8
        FROM generate_series(1, {rows}) AS i, LATERAL (SELECT now() - (1 - i / {rows}.0) * interval '31 days' AS at)
    """,
    "audit_events": """
        INSERT INTO audit_events
        SELECT md5(i::text)::uuid, now() - (1 - i / {rows}.0) * interval '91 days', 'authn_login_success', 'success', '',
            CASE WHEN i % 10 = 0 THEN {heavy} ELSE md5((i % 100000)::text)::uuid END,
            CASE WHEN i % 10 = 1 THEN '<heavy>' WHEN i % 2 = 0 THEN '<' || (i % 100000) || '>' ELSE '' END,
            md5(i::text), '', '192.0.2.0/24', '', '', i::text::xid8
        FROM generate_series(1, {rows}) AS i
    """,
    # After a day without a mail server: a third is due, the rest waits for its next attempt, was given up, or is kept.
    "mails": """
        INSERT INTO mails
        SELECT md5(i::text)::uuid, 'reset', 'u' || i || '@example.com', md5((i % 100000)::text)::uuid, 'de', '{{}}', at,
            CASE WHEN i % 3 = 0 THEN at ELSE now() + interval '1 hour' END, 1,
            CASE WHEN i % 6 = 1 THEN at END, '451', CASE WHEN i % 6 = 2 THEN decode(md5(i::text), 'hex') END
        FROM generate_series(1, {rows}) AS i, LATERAL (SELECT now() - (1 - i / {rows}.0) * interval '1 day' AS at)
    """,
    "totp": """
        INSERT INTO totp
        SELECT md5(i::text)::uuid, decode(md5(i::text), 'hex'), now(), i
        FROM generate_series(1, {rows}) AS i
    """,
    "recovery_codes": """
        INSERT INTO recovery_codes
        SELECT md5((i / 10 + 1)::text)::uuid, decode(md5('code' || i), 'hex')
        FROM generate_series(1, {rows}) AS i
    """,
    "passkeys": """
        INSERT INTO passkeys
        SELECT decode(md5('key' || i), 'hex'), md5((i / 10 + 1)::text)::uuid, 'A phone', '', 0, true, ARRAY['internal'],
            md5('model')::uuid, 'example.com', now(), now()
        FROM generate_series(1, {rows}) AS i
    """,
    # One in two waits for its proof, the others can be undone; a seventh is too old for that. One user moves every hour.
    "email_changes": """
        INSERT INTO email_changes
        SELECT md5('change ' || i)::uuid, CASE WHEN i % 6000 = 0 THEN {heavy} ELSE md5(i::text)::uuid END,
            'n' || i || '@example.com', 'n' || i || '@example.com', false, at,
            CASE WHEN i % 2 = 0 THEN at END, CASE WHEN i % 2 = 0 THEN at + interval '7 days' END
        FROM generate_series(1, {rows}) AS i, LATERAL (SELECT now() - (1 - i / {rows}.0) * interval '8 days' AS at)
    """,
    "srp_verifiers": """
        INSERT INTO srp_verifiers
        SELECT md5(i::text)::uuid, 'eu_1', 'salt', decode(md5(i::text), 'hex'), '2026-01-01T00:00:00Z'
        FROM generate_series(1, {rows}) AS i
    """,
    # After two weeks with an endpoint that is away: a third is due, a third was given up, a third was made.
    "webhook_deliveries": """
        INSERT INTO webhook_deliveries
        SELECT md5(i::text)::uuid, CASE WHEN i % 2 = 0 THEN 'crm' ELSE 'away' END, md5('event ' || i)::uuid, 'user.created',
            '{{}}', at, CASE WHEN i % 3 = 0 THEN at ELSE now() + interval '1 hour' END, 1,
            CASE WHEN i % 3 = 1 THEN at END, CASE WHEN i % 3 = 2 THEN at END, '503'
        FROM generate_series(1, {rows}) AS i, LATERAL (SELECT now() - (1 - i / {rows}.0) * interval '14 days' AS at)
    """,
    # A month of them, of which a quarter is good.
    "invitations": """
        INSERT INTO invitations
        SELECT md5(i::text)::uuid, 'i' || i || '@example.com', 'i' || i || '@example.com', true, at, at + interval '7 days'
        FROM generate_series(1, {rows}) AS i, LATERAL (SELECT now() - (1 - i / {rows}.0) * interval '28 days' AS at)
    """,
    "named_api_keys": """
        INSERT INTO named_api_keys
        SELECT md5(i::text)::uuid, CASE WHEN i <= 50 THEN {heavy} ELSE md5((i / 10)::text)::uuid END, 'name', 'nk_',
            decode(md5(i::text), 'hex'), '{{}}', NULL, now(), CASE WHEN i % 2 = 0 THEN now() - interval '1 day' END, NULL
        FROM generate_series(1, {rows}) AS i
    """,
}


PLACE = """
    INSERT INTO webhook_cursors (endpoint, place, system)
    SELECT $1, $2::text::xid8, CASE WHEN $1 = 'gone' THEN 'another' ELSE system_identifier::text END FROM pg_control_system()
"""
CONSTRAINTS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
    FROM pg_constraint
    WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u')
"""
FOREIGN_KEYS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop
    FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
INDEXES = """
    SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop, pg_get_indexdef(indexrelid) AS make
    FROM pg_index
    WHERE indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


async def fill(url: str) -> None:
    """The schema of the migrations. Nothing of it would survive a crash, and indexes come last: that saves most of the
    time.
    """
    await migrate(url)
    await _drop_foreign_keys(url)
    await asyncio.gather(*(_fill(url, table) for table in BIG))
    await _place_endpoints(url)


async def _place_endpoints(url: str) -> None:
    """One has read all but the last thousand events, one nothing yet, and one is not in the settings any more."""
    connection = await asyncpg.connect(url)
    try:
        for name, place in (("crm", ROWS - 1_000), ("away", 0), ("gone", 0)):
            await connection.execute(PLACE, name, str(place))
    finally:
        await connection.close()


async def _drop_foreign_keys(url: str) -> None:
    """A table that others refer to cannot be unlogged unless they are; and plans do not show what a key costs."""
    connection = await asyncpg.connect(url)
    try:
        for row in await connection.fetch(FOREIGN_KEYS):
            await connection.execute(row["drop"])
    finally:
        await connection.close()


async def _fill(url: str, table: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"maintenance_work_mem": "256MB"})
    try:
        parts = [*await connection.fetch(INDEXES, table), *await connection.fetch(CONSTRAINTS, table)]
        for part in parts:
            await connection.execute(part["drop"])
        await connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
        await connection.execute(FILL[table].format(rows=ROWS, heavy=HEAVY))
        for part in parts:
            await connection.execute(part["make"])
        await connection.execute(f"VACUUM (ANALYZE) {table}")  # as autovacuum has done by then
    finally:
        await connection.close()
