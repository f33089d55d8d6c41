-- Invitations to sign up, and what operators say of an account in its id tokens.
CREATE TABLE invitations (
    id uuid PRIMARY KEY,                            -- its link is derived from this; a used one is removed
    email text NOT NULL,                            -- as it was typed; empty: for whoever has the link
    canonical_email text NOT NULL,                  -- the only address that may use it, or empty
    is_mailed boolean NOT NULL,                     -- nobody else has seen the link, so that to use it proves the address
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX invitations_by_age ON invitations (created_at DESC, id);
CREATE INDEX invitations_expires_at ON invitations (expires_at);

ALTER TABLE users ADD COLUMN claims jsonb NOT NULL DEFAULT '{}';  -- those that tokens.claims names go into id tokens
