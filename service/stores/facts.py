"""Facts read from Postgres and Redis, for the checks of `tokenhouse doctor` and of each start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    version: str
    version_number: int  # 180004 for 18.4
    is_read_only: bool
    is_encrypted: bool
    is_superuser: bool
    may_make_tables: bool
    is_durable: bool
    room: int  # connections that ordinary roles may have
    in_use: int
    has_schema: bool  # a schema of the search_path that the role may use
    encoding: str
    isolation: str
    lacking: Sequence[str]  # such as `UPDATE on users`, of the tables that exist
    forgets_statements: bool  # checked only when the statement cache is on
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`fsync` is empty where the user may not read it (CONFIG GET)."""

    version: str
    is_primary: bool
    is_loading: bool
    policy: str
    memory_used: int
    memory_allowed: int  # 0: no limit
    evicted: int  # keys, since it started
    has_log: bool
    fsync: str
    log_is_good: bool
    snapshots_are_good: bool
    lacking: Sequence[str]  # commands that the service needs and its user may not run
    powers: frozenset[str]  # commands the user may run, of those that lose or expose everything
    is_encrypted: bool
    is_watched: bool  # by Sentinels
    replicas: int
    waits_for_replicas: bool  # min-replicas-to-write
    ahead: timedelta
