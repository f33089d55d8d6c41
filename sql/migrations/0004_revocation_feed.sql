-- The feed of revocations: which transaction entered a row tells what a verifier has not seen yet. A sequence would not
-- do: its numbers are drawn before the commit, so a row committed late would appear behind a cursor that passed it.

ALTER TABLE revocations ADD COLUMN entered_by xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX revocations_entered_by ON revocations (entered_by, session_id);
