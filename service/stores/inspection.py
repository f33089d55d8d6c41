"""Reads facts about the stores for `tokenhouse doctor`. Nothing is written or changed."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, ResponseError

from service.ambient import Ambient
from service.settings import DatabaseSettings, authority, split_url
from service.stores import pooler, postgres, rights
from service.stores.facts import PostgresFacts, RedisFacts
from service.stores.redis import RedisTopology

POSTGRES = """
    SELECT
        current_setting('server_version') AS version,
        current_setting('server_version_num')::int AS version_number,
        pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS is_read_only,
        coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make_tables,
        current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
            AND current_setting('synchronous_commit') <> 'off' AS is_durable,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS room,
        (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL)::int AS in_use,
        current_schema() IS NOT NULL AS has_schema,
        current_setting('server_encoding') AS encoding,
        current_setting('default_transaction_isolation') AS isolation,
        pg_backend_pid() AS backend,
        clock_timestamp() AS now
"""
PATIENCE = 5.0  # seconds; an operator waits longer than a request
POWERS = (("FLUSHALL",), ("CONFIG", "SET", "maxmemory-policy", "noeviction"))
BEGUN, QUEUED = b"OK", b"QUEUED"


async def of_postgres(settings: DatabaseSettings, ambient: Ambient) -> PostgresFacts:
    """Raises Postgres' outages, or ConfigurationError when the server refuses the connection."""
    url = settings.url.get_secret_value()
    connection = await postgres.connect(url, timeout=PATIENCE, command_timeout=PATIENCE, statement_cache_size=0)
    try:
        before = ambient.now()
        row = dict(cast("Any", await connection.fetchrow(POSTGRES)))
        ahead = row.pop("now") - _middle(before, ambient.now())
        lacking = await rights.lacking(connection)
        is_direct = connection.get_server_pid() == row.pop("backend")
    finally:
        await connection.close(timeout=PATIENCE)
    asks = settings.statement_cache_size > 0 and not is_direct
    forgets = asks and await pooler.forgets_statements(url, f"probe_{ambient.new_id()}", PATIENCE)
    return PostgresFacts(ahead=ahead, lacking=lacking, forgets_statements=forgets, **row)


async def of_redis(
    redis: Redis, servers: RedisTopology, url: str, ambient: Ambient
) -> Sequence[tuple[str, RedisFacts]]:
    """The facts of each primary, with its address. Raises Redis' outages."""
    scheme = split_url(url).scheme
    options = {"is_encrypted": scheme.startswith("rediss"), "is_watched": scheme.endswith("+sentinel")}
    return [(_address(one), await _of_one(one, ambient, **options)) for one, _ in await servers.primaries(redis)]


async def lacks_a_log(redis: Redis, servers: RedisTopology) -> bool:
    """Whether a primary keeps no append-only file. Raises Redis' outages."""
    info = [await one.info("persistence") for one, _ in await servers.primaries(redis)]
    return not all(one["aof_enabled"] for one in info)


async def _of_one(redis: Redis, ambient: Ambient, *, is_encrypted: bool, is_watched: bool) -> RedisFacts:
    info = await redis.info()
    powers, lacking = await _rights(redis)
    before = ambient.now()
    seconds, micros = await redis.time()
    ahead = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros) - _middle(before, ambient.now())
    return RedisFacts(
        version=info["redis_version"],
        is_primary=info["role"] == "master",
        is_loading=bool(info["loading"]),
        policy=info["maxmemory_policy"],
        memory_used=info["used_memory"],
        memory_allowed=info["maxmemory"],
        evicted=info["evicted_keys"],
        has_log=bool(info["aof_enabled"]),
        fsync=await _fsync(redis),
        log_is_good=info.get("aof_last_write_status", "ok") == info.get("aof_last_bgrewrite_status", "ok") == "ok",
        snapshots_are_good=info["rdb_last_bgsave_status"] == "ok",
        powers=powers,
        lacking=lacking,
        is_encrypted=is_encrypted,
        is_watched=is_watched,
        replicas=info.get("connected_slaves", 0),
        waits_for_replicas="min_slaves_good_slaves" in info,  # INFO has the line when min-replicas-to-write is set
        ahead=ahead,
    )


async def _fsync(redis: Redis) -> str:
    with suppress(NoPermissionError, ResponseError):  # hosted services have no CONFIG at all
        return str((await redis.config_get("appendfsync")).get("appendfsync", ""))
    return ""


async def _rights(redis: Redis) -> tuple[frozenset[str], tuple[str, ...]]:
    """Which dangerous commands the user may run, and which needed ones it may not.

    Each is queued in a transaction that is then discarded, never run; without transactions, none is sent.
    """
    connection = await redis.connection_pool.get_connection()  # type: ignore[no-untyped-call] # a decorator of redis-py's hides them
    try:
        if await _reply(connection, "MULTI") != BEGUN:
            return frozenset(), ()
        allowed = {" ".join(words[:2]) for words in POWERS if await _reply(connection, *words) == QUEUED}
        lacking = [
            words[0] for words in rights.COMMANDS if isinstance(await _reply(connection, *words), NoPermissionError)
        ]
        await _reply(connection, "DISCARD")
        return frozenset(allowed), tuple(lacking)
    finally:
        await connection.disconnect()  # so that nothing stays queued after an error
        await redis.connection_pool.release(connection)


async def _reply(connection: AbstractConnection, *words: str) -> object:
    try:
        await connection.send_command(*words)
        return await connection.read_response(disable_decoding=True)
    except ResponseError as refusal:  # NOPERM among them
        return refusal


def _address(redis: Redis) -> str:
    options = redis.connection_pool.connection_kwargs
    return authority(options["host"], options["port"]) if "host" in options else ""  # there is none on a Unix socket


def _middle(before: datetime, after: datetime) -> datetime:
    return before + (after - before) / 2
