-- Runs once, on an empty data volume: an owner that migrates, and a role for the service that can neither change nor
-- drop what the owner made. The superuser stays in the container.

-- A statement that fails is logged with its text, and these hold passwords.
SET log_min_error_statement = panic;
\set owner `cat /secrets/owner`
\set app `cat /secrets/app`

CREATE ROLE tokenhouse_owner LOGIN PASSWORD :'owner';
CREATE ROLE tokenhouse_app LOGIN PASSWORD :'app';
ALTER ROLE tokenhouse_app SET statement_timeout = '5s';
ALTER ROLE tokenhouse_app SET idle_in_transaction_session_timeout = '10s';

REVOKE ALL ON DATABASE tokenhouse FROM PUBLIC;
GRANT CONNECT ON DATABASE tokenhouse TO tokenhouse_owner, tokenhouse_app;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tokenhouse_owner;
GRANT USAGE ON SCHEMA public TO tokenhouse_app;
ALTER DEFAULT PRIVILEGES FOR ROLE tokenhouse_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tokenhouse_app;
ALTER DEFAULT PRIVILEGES FOR ROLE tokenhouse_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tokenhouse_app;
