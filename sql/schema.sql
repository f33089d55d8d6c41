-- The schema as the migrations make it. Written by `make schema`; change it by a migration.

CREATE TABLE admin_tokens (
    id uuid NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    networks text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);

CREATE TABLE admins (
    user_id uuid NOT NULL,
    granted_at timestamp with time zone NOT NULL,
    granted_by text NOT NULL
);

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
    operator text DEFAULT ''::text NOT NULL,
    entered_by xid8 DEFAULT pg_current_xact_id()
);

CREATE TABLE email_changes (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL,
    canonical_email text NOT NULL,
    was_verified boolean NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone,
    undo_until timestamp with time zone
);

CREATE TABLE invitations (
    id uuid NOT NULL,
    email text NOT NULL,
    canonical_email text NOT NULL,
    is_mailed boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE longest_lives (
    token_seconds bigint NOT NULL,
    session_seconds bigint NOT NULL,
    used_until timestamp with time zone NOT NULL
);

CREATE TABLE mails (
    id uuid NOT NULL,
    kind text NOT NULL,
    recipient text NOT NULL,
    user_id uuid,
    language text NOT NULL,
    facts jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    failed_at timestamp with time zone,
    last_reply text DEFAULT ''::text NOT NULL,
    rendered bytea
);

CREATE TABLE named_api_keys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    rate text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone
);

CREATE TABLE passkeys (
    id bytea NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    backed_up boolean NOT NULL,
    transports text[] NOT NULL,
    aaguid uuid NOT NULL,
    rp_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
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

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL,
    digest bytea NOT NULL
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

CREATE TABLE srp_verifiers (
    user_id uuid NOT NULL,
    pool_id text NOT NULL,
    salt bytea NOT NULL,
    verifier_sealed bytea NOT NULL,
    password_changed_at timestamp with time zone NOT NULL
);

CREATE TABLE totp (
    user_id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    confirmed_at timestamp with time zone NOT NULL,
    last_step bigint NOT NULL,
    is_on boolean DEFAULT true NOT NULL
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
    earlier_api_key_until timestamp with time zone,
    email_verified_at timestamp with time zone,
    second_factor_since timestamp with time zone,
    groups text[] DEFAULT '{}'::text[] NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    must_prove_address boolean DEFAULT false NOT NULL,
    claims jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE webhook_cursors (
    endpoint text NOT NULL,
    place xid8 NOT NULL,
    event_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    system text NOT NULL
);

CREATE TABLE webhook_deliveries (
    id uuid NOT NULL,
    endpoint text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    delivered_at timestamp with time zone,
    failed_at timestamp with time zone,
    last_reply text DEFAULT ''::text NOT NULL,
    can_wait boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY admin_tokens
    ADD CONSTRAINT admin_tokens_digest_key UNIQUE (digest);

ALTER TABLE ONLY admin_tokens
    ADD CONSTRAINT admin_tokens_name_key UNIQUE (name);

ALTER TABLE ONLY admin_tokens
    ADD CONSTRAINT admin_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY admins
    ADD CONSTRAINT admins_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY email_changes
    ADD CONSTRAINT email_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY longest_lives
    ADD CONSTRAINT longest_lives_pkey PRIMARY KEY (token_seconds, session_seconds);

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (id);

ALTER TABLE ONLY named_api_keys
    ADD CONSTRAINT named_api_keys_digest_key UNIQUE (digest);

ALTER TABLE ONLY named_api_keys
    ADD CONSTRAINT named_api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY passkeys
    ADD CONSTRAINT passkeys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pending_endings
    ADD CONSTRAINT pending_endings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, digest);

ALTER TABLE ONLY revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY srp_verifiers
    ADD CONSTRAINT srp_verifiers_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY totp
    ADD CONSTRAINT totp_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_api_key_digest_key UNIQUE (api_key_digest);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_canonical_email_key UNIQUE (canonical_email);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_earlier_api_key_digest_key UNIQUE (earlier_api_key_digest);

ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY webhook_cursors
    ADD CONSTRAINT webhook_cursors_pkey PRIMARY KEY (endpoint);

ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_endpoint_event_id_key UNIQUE (endpoint, event_id);

ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id);

CREATE INDEX audit_events_at ON audit_events USING btree (at);

CREATE INDEX audit_events_entered_by ON audit_events USING btree (entered_by, id) WHERE (entered_by IS NOT NULL);

CREATE INDEX audit_events_of_account ON audit_events USING btree (account, at) WHERE (account <> ''::text);

CREATE INDEX audit_events_of_name ON audit_events USING btree (name, at);

CREATE INDEX audit_events_of_user ON audit_events USING btree (user_id, at) WHERE (user_id IS NOT NULL);

CREATE INDEX email_changes_requested_at ON email_changes USING btree (requested_at);

CREATE INDEX email_changes_reserved ON email_changes USING btree (canonical_email) WHERE (undo_until IS NOT NULL);

CREATE INDEX email_changes_user_id ON email_changes USING btree (user_id);

CREATE UNIQUE INDEX email_changes_waiting ON email_changes USING btree (user_id) WHERE (changed_at IS NULL);

CREATE INDEX invitations_by_age ON invitations USING btree (created_at DESC, id);

CREATE INDEX invitations_expires_at ON invitations USING btree (expires_at);

CREATE INDEX mails_due_at ON mails USING btree (due_at) WHERE ((failed_at IS NULL) AND (rendered IS NULL));

CREATE INDEX mails_kept ON mails USING btree (created_at) WHERE ((failed_at IS NOT NULL) OR (rendered IS NOT NULL));

CREATE INDEX mails_user_id ON mails USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE INDEX named_api_keys_user_id ON named_api_keys USING btree (user_id);

CREATE INDEX passkeys_rp_id ON passkeys USING btree (rp_id);

CREATE INDEX passkeys_user_id ON passkeys USING btree (user_id);

CREATE INDEX pending_endings_due_at ON pending_endings USING btree (due_at);

CREATE INDEX revocations_entered_by ON revocations USING btree (entered_by, session_id);

CREATE INDEX revocations_forget_at ON revocations USING btree (forget_at);

CREATE INDEX revocations_in_force ON revocations USING btree (denied_until, session_id, entered_by);

CREATE INDEX revocations_of_user ON revocations USING btree (user_id, session_id);

CREATE INDEX users_email_prefix ON users USING btree (canonical_email text_pattern_ops);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries USING btree (endpoint, due_at) WHERE ((delivered_at IS NULL) AND (failed_at IS NULL));

CREATE INDEX webhook_deliveries_failed ON webhook_deliveries USING btree (endpoint, created_at, id) WHERE (failed_at IS NOT NULL);

CREATE INDEX webhook_deliveries_finished ON webhook_deliveries USING btree (created_at) WHERE ((delivered_at IS NOT NULL) OR (failed_at IS NOT NULL));

CREATE INDEX webhook_deliveries_first ON webhook_deliveries USING btree (endpoint, due_at) WHERE ((delivered_at IS NULL) AND (failed_at IS NULL) AND (NOT can_wait));

CREATE INDEX webhook_deliveries_listed ON webhook_deliveries USING btree (endpoint, created_at, id);

ALTER TABLE ONLY admins
    ADD CONSTRAINT admins_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY email_changes
    ADD CONSTRAINT email_changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY named_api_keys
    ADD CONSTRAINT named_api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY passkeys
    ADD CONSTRAINT passkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY recovery_codes
    ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY srp_verifiers
    ADD CONSTRAINT srp_verifiers_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE ONLY totp
    ADD CONSTRAINT totp_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
