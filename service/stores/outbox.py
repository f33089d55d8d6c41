"""The `mails` table."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from service.domain.mail.models import KeptMail, Kind, Mail, OutboxState, Wish
from service.stores.postgres import Postgres

AT_ONCE = 2_000  # rows deleted per statement: takes a fraction of the statement timeout
MOST_COUNTED = 10_000
MOST_SHOWN = 1_000
MOST_OF_A_REPLY = 500  # characters
KINDS = frozenset(kind.value for kind in Kind)
INSERT = """
    INSERT INTO mails (id, kind, recipient, user_id, language, facts) VALUES ($1, $2, $3, $4, $5, $6::jsonb)
    RETURNING created_at
"""
# ANY(ARRAY(...)), because in a join the locking subquery could be run again, and lock more rows than its limit.
CLAIM = """
    UPDATE mails
    SET due_at = now() + $2::interval, attempts = attempts + 1
    WHERE id = ANY (ARRAY(
        SELECT id
        FROM mails
        WHERE due_at <= now() AND failed_at IS NULL AND rendered IS NULL
        ORDER BY due_at
        LIMIT $1
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING id, kind, recipient, user_id, language, facts, created_at, attempts
"""
POSTPONE = """
    UPDATE mails SET due_at = now() + $2::interval, last_reply = $3
    WHERE id = $1 AND failed_at IS NULL AND rendered IS NULL
"""
PUT_BACK = """
    UPDATE mails SET due_at = now() + $2::interval, attempts = greatest(attempts - 1, 0)
    WHERE id = $1 AND failed_at IS NULL AND rendered IS NULL
"""
GIVE_UP = "UPDATE mails SET failed_at = now(), last_reply = $2 WHERE id = $1 AND failed_at IS NULL AND rendered IS NULL"
KEEP = """
    INSERT INTO mails (id, kind, recipient, user_id, language, facts, rendered)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
    ON CONFLICT (id) DO UPDATE SET rendered = $7, recipient = $3
"""
REMOVE = "DELETE FROM mails WHERE id = $1 AND rendered IS NULL"
STATE = """
    SELECT
        count(*) AS waiting,
        coalesce(greatest(now() - min(created_at), interval '0'), interval '0') AS oldest,
        (
            SELECT count(*)
            FROM (SELECT FROM mails WHERE failed_at IS NOT NULL ORDER BY created_at DESC LIMIT $1) AS given_up
        ) AS failed,
        coalesce(
            (SELECT last_reply FROM mails WHERE failed_at IS NOT NULL ORDER BY created_at DESC LIMIT 1), ''
        ) AS last_reply
    FROM (
        SELECT created_at FROM mails WHERE failed_at IS NULL AND rendered IS NULL ORDER BY due_at LIMIT $1
    ) AS waiting
"""
FORGET = """
    WITH gone AS (
        DELETE FROM mails
        WHERE id = ANY (ARRAY(
            SELECT id
            FROM mails
            WHERE (failed_at IS NOT NULL OR rendered IS NOT NULL) AND created_at < now() - $1::interval
            ORDER BY created_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
    )
    SELECT count(*) AS count FROM gone
"""
KEPT = """
    SELECT id, kind, recipient, created_at, rendered
    FROM (
        SELECT id, kind, recipient, created_at, rendered
        FROM mails
        WHERE rendered IS NOT NULL
        ORDER BY created_at DESC
        LIMIT $3
    ) AS latest
    WHERE $2 = '' OR lower(recipient) = lower($2)
    ORDER BY created_at DESC
    LIMIT $1
"""
KEPT_ONE = """
    SELECT id, kind, recipient, created_at, rendered FROM mails WHERE id = $1 AND rendered IS NOT NULL
"""


class PostgresOutbox:
    """The ports Outbox and Inbox."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def add(self, mail_id: UUID, wish: Wish) -> datetime | None:
        if "\0" in wish.recipient + wish.language:  # no address, and Postgres rejects a text with NUL
            return None
        try:
            row = await self._postgres.fetchrow(INSERT, mail_id, *_columns(wish))
        except asyncpg.ForeignKeyViolationError:
            return None
        return row["created_at"] if row else None

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Mail]:
        return sorted(map(_mail, await self._postgres.fetch(CLAIM, limit, lease)), key=lambda mail: mail.created_at)

    async def postpone(self, mail_id: UUID, pause: timedelta, reply: str) -> None:
        await self._postgres.execute(POSTPONE, mail_id, pause, _text(reply))

    async def put_back(self, mail_id: UUID, pause: timedelta) -> None:
        await self._postgres.execute(PUT_BACK, mail_id, pause)

    async def give_up(self, mail_id: UUID, reply: str) -> None:
        await self._postgres.execute(GIVE_UP, mail_id, _text(reply))

    async def keep(self, mail: Mail, rendered: bytes) -> None:
        await self._postgres.execute(KEEP, mail.id, *_columns(mail), rendered)

    async def remove(self, mail_id: UUID) -> None:
        await self._postgres.execute(REMOVE, mail_id)

    async def state(self) -> OutboxState:
        row = await self._postgres.fetchrow(STATE, MOST_COUNTED)
        assert row is not None  # noqa: S101 - an aggregate always gives a row
        return OutboxState(**row)

    async def delete_expired(self, after: timedelta) -> None:
        while True:
            row = await self._postgres.fetchrow(FORGET, after, AT_ONCE)
            if row is None or row["count"] < AT_ONCE:
                return

    async def kept(self, limit: int, recipient: str = "") -> Sequence[KeptMail]:
        if "\0" in recipient:
            return []
        return [_kept(row) for row in await self._postgres.fetch(KEPT, limit, recipient, MOST_SHOWN)]

    async def kept_one(self, mail_id: UUID) -> KeptMail | None:
        row = await self._postgres.fetchrow(KEPT_ONE, mail_id)
        return _kept(row) if row else None


def _columns(wish: Wish) -> tuple[object, ...]:
    return wish.kind.value, wish.recipient, wish.user_id, wish.language, json.dumps(dict(wish.facts))


def _text(reply: str) -> str:
    return reply.replace("\0", "")[:MOST_OF_A_REPLY]


def _mail(row: asyncpg.Record) -> Mail:
    return Mail(**{**row, "kind": _kind(row["kind"]), "facts": json.loads(row["facts"])})


def _kept(row: asyncpg.Record) -> KeptMail:
    return KeptMail(**{**row, "kind": _kind(row["kind"])})


def _kind(word: str) -> Kind:
    return Kind(word) if word in KINDS else Kind.OTHER
