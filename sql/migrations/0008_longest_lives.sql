-- The longest lives that instances have given to tokens and sessions. A shorter setting does not shorten what was
-- signed or opened before it, so endings and signing keys go by the longest that may still be alive.
CREATE TABLE longest_lives (
    token_seconds bigint NOT NULL,      -- from the signing of a token until no verifier takes it any more
    session_seconds bigint NOT NULL,    -- the refresh lifetime
    used_until timestamptz NOT NULL,    -- somewhat ahead of the last time that an instance was seen using them
    PRIMARY KEY (token_seconds, session_seconds)
);
