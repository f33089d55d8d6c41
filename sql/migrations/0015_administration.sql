-- outside a transaction
-- The credentials of operators' programs: made by the command alone, shown once, each with some of seven fixed scopes.
CREATE TABLE IF NOT EXISTS admin_tokens (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,                      -- names the actor in the audit trail
    digest bytea NOT NULL UNIQUE,                   -- SHA-256; the token has 256 random bits
    scopes text[] NOT NULL,
    networks text[] NOT NULL,                       -- that it may come from; none: from anywhere
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz                        -- to the minute
);

-- Accounts by the beginning of their address, page by page, whatever the collation of the database. It is built without
-- locking the table; an interrupted build leaves an invalid index behind, so each attempt removes what is there first.
DROP INDEX CONCURRENTLY IF EXISTS users_email_prefix;
CREATE INDEX CONCURRENTLY users_email_prefix ON users (canonical_email text_pattern_ops);

-- The audit trail by the name of the event: rare ones are found without reading the frequent ones.
DROP INDEX CONCURRENTLY IF EXISTS audit_events_of_name;
CREATE INDEX CONCURRENTLY audit_events_of_name ON audit_events (name, at);
