-- outside a transaction
-- Webhooks: where each endpoint is in the audit trail, and what it is to be sent. Every statement can be repeated.

-- A cursor is a place in commit order: all that was entered before it has its deliveries, or concerns the endpoint not.
CREATE TABLE IF NOT EXISTS webhook_cursors (
    endpoint text PRIMARY KEY,                      -- its name in the settings
    place xid8 NOT NULL,
    event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    moved_at timestamptz NOT NULL DEFAULT now(),
    system text NOT NULL                            -- the server that counts so: a dump may be restored into another one
);

-- One row is one event for one endpoint. The body has ids alone, and as the audit trail it may outlive an account.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id uuid PRIMARY KEY,
    endpoint text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),      -- also the lease of the instance that is sending it
    attempts integer NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    failed_at timestamptz,                          -- given up
    last_reply text NOT NULL DEFAULT '',
    can_wait boolean NOT NULL DEFAULT false,        -- of an import, which makes very many: all others overtake it
    UNIQUE (endpoint, event_id)
);

CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (endpoint, due_at)
    WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX IF NOT EXISTS webhook_deliveries_first ON webhook_deliveries (endpoint, due_at)
    WHERE delivered_at IS NULL AND failed_at IS NULL AND NOT can_wait;
CREATE INDEX IF NOT EXISTS webhook_deliveries_listed ON webhook_deliveries (endpoint, created_at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_failed ON webhook_deliveries (endpoint, created_at, id)
    WHERE failed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_deliveries_finished ON webhook_deliveries (created_at)
    WHERE delivered_at IS NOT NULL OR failed_at IS NOT NULL;

-- The transaction that entered an event (as in 0004). Earlier events have none: adding a default to them would rewrite the
-- table, and nobody waits for them.
ALTER TABLE audit_events ADD COLUMN IF NOT EXISTS entered_by xid8;
ALTER TABLE audit_events ALTER COLUMN entered_by SET DEFAULT pg_current_xact_id();
DROP INDEX CONCURRENTLY IF EXISTS audit_events_entered_by;
CREATE INDEX CONCURRENTLY audit_events_entered_by ON audit_events (entered_by, id) WHERE entered_by IS NOT NULL;
