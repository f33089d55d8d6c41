-- Factors besides the password. users.second_factor_since is set while an account has a row in totp or passkeys.
CREATE TABLE totp (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret_sealed bytea NOT NULL,
    confirmed_at timestamptz NOT NULL,
    last_step bigint NOT NULL                       -- of the last code that was used: no code is good twice
);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    digest bytea NOT NULL,                          -- keyed, by a secret that is still set; deleted when it is used
    PRIMARY KEY (user_id, digest)
);

CREATE TABLE passkeys (
    id bytea PRIMARY KEY,                           -- the credential id
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    public_key bytea NOT NULL,                      -- COSE
    sign_count bigint NOT NULL,
    backed_up boolean NOT NULL,
    transports text[] NOT NULL,
    aaguid uuid NOT NULL,
    rp_id text NOT NULL,                            -- it was made for; of no use under another
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);

CREATE INDEX passkeys_user_id ON passkeys (user_id);
CREATE INDEX passkeys_rp_id ON passkeys (rp_id);    -- whether there are some of another than the setting's
