"""The privileges that the service needs: per table, and Redis commands. A test compares them with the code."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from service.stores import redis_keys

ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
TABLES: Mapping[str, Sequence[str]] = {
    "users": ALL,
    "signing_keys": ALL,
    "revocations": ALL,  # UPDATE for FOR UPDATE
    "longest_lives": ALL,
    "pending_endings": ALL,
    "audit_events": ALL,  # UPDATE for FOR UPDATE
    "mails": ALL,
    "email_changes": ALL,
    "totp": ALL,
    "recovery_codes": ("SELECT", "INSERT", "DELETE"),
    "passkeys": ALL,
    "named_api_keys": ALL,
    "srp_verifiers": ALL,
    "invitations": ALL,  # UPDATE for FOR UPDATE
    "admin_tokens": ALL,
    "admins": ("SELECT", "INSERT", "DELETE"),
    "webhook_cursors": ("SELECT", "INSERT", "UPDATE"),
    "webhook_deliveries": ALL,
    "schema_migrations": ("SELECT",),
}
LACKING = """
    SELECT use || ' on ' || name AS lacking
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS needed (name, use, place)
    WHERE NOT coalesce(has_table_privilege(to_regclass(name), use), true)
    ORDER BY place
"""  # a missing table is an error of the schema, reported separately
KEY = redis_keys.probe()
COMMANDS: Sequence[Sequence[str]] = (
    ("DEL", KEY),
    ("EVAL", "return 0", "0"),
    ("EVALSHA", "0" * 40, "0"),
    ("EXISTS", KEY),
    ("GET", KEY),
    ("HGET", KEY, "u"),
    ("HGETALL", KEY),
    ("HINCRBY", KEY, "n", "1"),
    ("HMGET", KEY, "u"),
    ("HSET", KEY, "u", "0"),
    ("HSETNX", KEY, "u", "0"),
    ("INCR", KEY),
    ("INFO",),
    ("MGET", KEY),
    ("PEXPIRE", KEY, "1"),
    ("PTTL", KEY),
    ("SCAN", "0"),
    ("SET", KEY, "0"),
    ("TIME",),
    ("ZADD", KEY, "1", "m"),
    ("ZCARD", KEY),
    ("ZRANGE", KEY, "0", "-1"),
    ("ZRANGEBYSCORE", KEY, "0", "1"),
    ("ZREM", KEY, "m"),
)


def needed() -> tuple[list[str], list[str]]:
    """The arguments of LACKING."""
    pairs = [(name, use) for name, uses in TABLES.items() for use in uses]
    return [name for name, _ in pairs], [use for _, use in pairs]


async def lacking(connection: "asyncpg.Connection[Any]") -> tuple[str, ...]:
    """Such as `UPDATE on users`."""
    return tuple(row["lacking"] for row in await connection.fetch(LACKING, *needed()))
