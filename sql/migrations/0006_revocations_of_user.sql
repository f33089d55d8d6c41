-- outside a transaction
-- The ended sessions of one user, page by page in the order of their ids. Built without locking the table, which every
-- logout writes to. An interrupted build leaves an invalid index behind, so each attempt removes what is there first.

DROP INDEX CONCURRENTLY IF EXISTS revocations_of_user;

CREATE INDEX CONCURRENTLY revocations_of_user ON revocations (user_id, session_id);
