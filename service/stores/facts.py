"""What Postgres and Redis say about themselves, as `tokenhouse doctor` and each start judge it."""

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
    has_schema: bool  # of the search_path, that the role may use
    encoding: str
    isolation: str
    lacking: Sequence[str]  # such as `UPDATE on users`, of the tables that are there
    forgets_statements: bool  # looked at with the statement cache on only
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`fsync` is empty where the user may not ask for it (CONFIG GET)."""

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
    lacking: Sequence[str]  # commands that the service needs and its user may not give
    powers: frozenset[str]  # of the commands that would lose or open everything, those that the user may give
    is_encrypted: bool
    is_watched: bool  # by Sentinels
    replicas: int
    waits_for_replicas: bool  # min-replicas-to-write
    ahead: timedelta
