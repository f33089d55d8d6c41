-- A rotated API key may go on working for a while (setting api_keys.overlap).

ALTER TABLE users
    ADD COLUMN earlier_api_key_digest bytea CONSTRAINT users_earlier_api_key_digest_key UNIQUE,
    ADD COLUMN earlier_api_key_until timestamptz;
