-- A rotated API key may go on working for a while (setting api_keys.overlap).

ALTER TABLE users
    ADD COLUMN earlier_api_key_digest bytea CONSTRAINT users_earlier_api_key_digest_key UNIQUE,
    ADD COLUMN earlier_api_key_until timestamptz;

-- What Redis is told again when it forgot: the endings whose tokens may still be shown.
CREATE INDEX revocations_denied_until ON revocations (denied_until);
