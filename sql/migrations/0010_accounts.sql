-- What login and tokens need to know of an account's proofs: read with the row that they read anyway.
ALTER TABLE users
    ADD COLUMN email_verified_at timestamptz,       -- when somebody proved to read the mails to this address
    ADD COLUMN second_factor_since timestamptz,     -- set while a login asks for more than the password
    ADD COLUMN groups text[] NOT NULL DEFAULT '{}', -- the claim cognito:groups, given by operators
    ADD COLUMN language text NOT NULL DEFAULT '';   -- of mails; a language tag (RFC 5646), empty: not known
