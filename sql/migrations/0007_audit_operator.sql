-- Who ran the command that caused an event. Empty for what members, strangers and instances cause, and for rows of
-- versions that did not record it.

ALTER TABLE audit_events ADD COLUMN operator text NOT NULL DEFAULT '';
