-- Sessions that must end because an account changed: entered in the same statement as the change, removed once every
-- session is over. What an instance that died has left here, another one finishes.
CREATE TABLE pending_endings (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    kept_session text NOT NULL,         -- the session that made the change and goes on; empty: none
    reason text NOT NULL,
    password_changed_at timestamptz,    -- after a change of password: sessions opened with the new one go on
    asked_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL         -- when an instance may take it over from the one that is at it
);

CREATE INDEX pending_endings_due_at ON pending_endings (due_at);
