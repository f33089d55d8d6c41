-- API keys besides the one of the account: named, with scopes, an expiry and a rate of their own. Shown once.
CREATE TABLE named_api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,                           -- its first characters, by which its owner knows it
    digest bytea NOT NULL UNIQUE,                   -- SHA-256; the key has 256 random bits
    scopes text[] NOT NULL,
    rate text,                                      -- of /auth/verify, as in 60/1m
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz                        -- to the minute
);

CREATE INDEX named_api_keys_user_id ON named_api_keys (user_id);
