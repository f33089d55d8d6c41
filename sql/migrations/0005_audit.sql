-- The audit trail: security events about accounts and keys, for as long as the settings say. No e-mail address, name or
-- token is in it, so it may outlive an account. There is no foreign key for the same reason.

CREATE TABLE audit_events (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    user_id uuid,
    account text NOT NULL,
    session_id text NOT NULL,
    key_id text NOT NULL,
    source text NOT NULL,
    request_id text NOT NULL
);

CREATE INDEX audit_events_of_user ON audit_events (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_of_account ON audit_events (account, at) WHERE account <> '';
CREATE INDEX audit_events_at ON audit_events (at);
