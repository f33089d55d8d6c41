-- The schema as the migrations make it. Written by `make schema`; change it by a migration.

CREATE TABLE audit_events (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    user_id uuid,
    account text NOT NULL,
    session_id text NOT NULL,
    key_id text NOT NULL,
    source text NOT NULL,
    request_id text NOT NULL,
    operator text DEFAULT ''::text NOT NULL
);

CREATE TABLE longest_lives (
    token_seconds bigint NOT NULL,
    session_seconds bigint NOT NULL,
    used_until timestamp with time zone NOT NULL
);

CREATE TABLE pending_endings (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kept_session text NOT NULL,
    reason text NOT NULL,
    password_changed_at timestamp with time zone,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone NOT NULL
);

CREATE TABLE revocations (
    session_id text NOT NULL,
    user_id uuid NOT NULL,
    denied_until timestamp with time zone NOT NULL,
    forget_at timestamp with time zone NOT NULL,
    entered_by xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE TABLE schema_migrations (
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE signing_keys (
    kid text NOT NULL,
    algorithm text NOT NULL,
    public_jwk text NOT NULL,
    sealed_private_jwk bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ready_at timestamp with time zone,
    activates_at timestamp with time zone,
    retires_at timestamp with time zone,
    killed_at timestamp with time zone
);

CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    canonical_email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    password_hash text NOT NULL,
    api_key_sealed bytea NOT NULL,
    api_key_digest bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    password_changed_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    earlier_api_key_digest bytea,
    earlier_api_key_until timestamp with time zone
);

ALTER TABLE ONLY audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY longest_lives
    ADD CONSTRAINT longest_lives_pkey PRIMARY KEY (token_seconds, session_seconds);

ALTER TABLE ONLY pending_endings
    ADD CONSTRAINT pending_endings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_api_key_digest_key UNIQUE (api_key_digest);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_canonical_email_key UNIQUE (canonical_email);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_earlier_api_key_digest_key UNIQUE (earlier_api_key_digest);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX audit_events_at ON audit_events USING btree (at);

CREATE INDEX audit_events_of_account ON audit_events USING btree (account, at) WHERE (account <> ''::text);

CREATE INDEX audit_events_of_user ON audit_events USING btree (user_id, at) WHERE (user_id IS NOT NULL);

CREATE INDEX pending_endings_due_at ON pending_endings USING btree (due_at);

CREATE INDEX revocations_entered_by ON revocations USING btree (entered_by, session_id);

CREATE INDEX revocations_forget_at ON revocations USING btree (forget_at);

CREATE INDEX revocations_in_force ON revocations USING btree (denied_until, session_id, entered_by);

CREATE INDEX revocations_of_user ON revocations USING btree (user_id, session_id);
