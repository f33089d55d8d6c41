-- The outbox: mails that wait to be sent, or to be dropped. One row is one mail; it is deleted once the mail is sent. No
-- code, no token and nothing that a user chose is in it: codes are derived when a mail is written.
CREATE TABLE mails (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    recipient text NOT NULL,                        -- of a request from outside, which may have no account
    user_id uuid REFERENCES users ON DELETE CASCADE,
    language text NOT NULL,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),      -- also the lease of the instance that is sending it
    attempts integer NOT NULL DEFAULT 0,
    failed_at timestamptz,                          -- given up; kept for the operator
    last_reply text NOT NULL DEFAULT '',
    rendered bytea                                  -- only in the inbox of `tokenhouse dev`
);

CREATE INDEX mails_due_at ON mails (due_at) WHERE failed_at IS NULL AND rendered IS NULL;
CREATE INDEX mails_user_id ON mails (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mails_kept ON mails (created_at) WHERE failed_at IS NOT NULL OR rendered IS NOT NULL;

-- Changes of the e-mail address: one of a user waits for its proof, those that were proved stay while they can be undone.
-- A later change removes no earlier one: who took an account over could otherwise make the undoing impossible.
CREATE TABLE email_changes (
    id uuid PRIMARY KEY,                            -- its mails and codes name it; a later request replaces it
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email text NOT NULL,                            -- the new address; after the change, the one before
    canonical_email text NOT NULL,
    was_verified boolean NOT NULL,                  -- whether the address before was proved
    requested_at timestamptz NOT NULL,
    changed_at timestamptz,
    undo_until timestamptz                          -- until then nobody else gets the address before
);

CREATE UNIQUE INDEX email_changes_waiting ON email_changes (user_id) WHERE changed_at IS NULL;
CREATE INDEX email_changes_user_id ON email_changes (user_id);
CREATE INDEX email_changes_requested_at ON email_changes (requested_at);
CREATE INDEX email_changes_reserved ON email_changes (canonical_email) WHERE undo_until IS NOT NULL;
