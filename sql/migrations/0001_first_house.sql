-- Accounts, the keys that sign their tokens, and the sessions that are over.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    canonical_email text NOT NULL CONSTRAINT users_canonical_email_key UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    password_hash text NOT NULL,
    api_key_sealed bytea NOT NULL,
    api_key_digest bytea NOT NULL CONSTRAINT users_api_key_digest_key UNIQUE,
    created_at timestamptz NOT NULL,
    password_changed_at timestamptz NOT NULL,
    disabled_at timestamptz
);

CREATE TABLE signing_keys (
    kid text PRIMARY KEY,
    algorithm text NOT NULL,
    public_jwk text NOT NULL,
    sealed_private_jwk bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE revocations (
    session_id text PRIMARY KEY,
    user_id uuid NOT NULL,
    denied_until timestamptz NOT NULL,
    forget_at timestamptz NOT NULL
);

CREATE INDEX revocations_forget_at ON revocations (forget_at);
