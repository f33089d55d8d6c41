-- What clients of Cognito's protocol keep of an account and ask of it.
ALTER TABLE users
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',            -- OpenID's standard claims that have no column, as texts
    ADD COLUMN must_prove_address boolean NOT NULL DEFAULT false; -- asked at sign-up: no login before the proof

ALTER TABLE totp ADD COLUMN is_on boolean NOT NULL DEFAULT true;  -- false: confirmed, but no login asks for it yet

CREATE TABLE srp_verifiers (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    pool_id text NOT NULL,                          -- part of what was hashed: of no use under another
    salt bytea NOT NULL,
    verifier_sealed bytea NOT NULL,
    password_changed_at timestamptz NOT NULL        -- of the password that it was made of
);
