-- outside a transaction
-- Indexes are built without locking the table, which every logout writes to. An interrupted build leaves an invalid index
-- behind, so each attempt removes what is there first.

-- The ended sessions of one user, page by page in the order of their ids.
DROP INDEX CONCURRENTLY IF EXISTS revocations_of_user;
CREATE INDEX CONCURRENTLY revocations_of_user ON revocations (user_id, session_id);

-- The denials in force, page by page; and where in the feed the first of them stands, so that nobody reads a month of
-- lapsed ones to find it.
DROP INDEX CONCURRENTLY IF EXISTS revocations_in_force;
CREATE INDEX CONCURRENTLY revocations_in_force ON revocations (denied_until, session_id, entered_by);
DROP INDEX CONCURRENTLY IF EXISTS revocations_denied_until;
