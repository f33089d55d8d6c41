"""Which mails have codes and links that are good, in Redis."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from service.domain.mail.models import Kind
from service.domain.recovery.models import TRIES, MailedCode, NoCode
from service.stores import redis_keys
from service.stores.scripts import Argument, Scripts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)


class RedisMailCodes:
    """A record that is left after a use is good for nothing: Postgres decides."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._put = scripts.script("code_put")
        self._attempt = scripts.script("code_attempt")
        self._give_back = scripts.script("code_give_back")

    async def put(self, user_id: UUID, kind: Kind, code: MailedCode, life: timedelta) -> bool:
        sent = (code.created_at - EPOCH) // MICROSECOND
        arguments: list[Argument] = [
            str(code.mail_id),
            sent,
            code.state,
            code.subject,
            TRIES,
            max(1, life // MILLISECOND),
            code.life // MICROSECOND if code.life else "",
        ]
        return bool(await self._put([redis_keys.code(user_id, kind.value)], arguments))

    async def get(self, user_id: UUID, kind: Kind) -> MailedCode | None:
        held: Any = await self._redis.hgetall(redis_keys.code(user_id, kind.value))  # redis-py's type allows texts
        return _code(held)

    async def attempt(self, user_id: UUID, kind: Kind) -> MailedCode | NoCode:
        held = await self._attempt([redis_keys.code(user_id, kind.value)])
        if held == 0:
            return NoCode.NO_TRIES_LEFT
        return _code(dict(zip(held[::2], held[1::2], strict=True))) or NoCode.NONE

    async def give_back(self, user_id: UUID, kind: Kind, mail_id: UUID) -> None:
        await self._give_back([redis_keys.code(user_id, kind.value)], [str(mail_id), TRIES])

    async def remove(self, user_id: UUID, kind: Kind) -> None:
        await self._redis.delete(redis_keys.code(user_id, kind.value))


def _code(held: Mapping[bytes, bytes]) -> MailedCode | None:
    if not held:
        return None
    life = held.get(b"l")  # instances of an earlier version remember none
    return MailedCode(
        mail_id=UUID(held[b"m"].decode()),
        created_at=EPOCH + int(held[b"c"]) * MICROSECOND,
        state=held[b"s"].decode(),
        subject=held[b"x"].decode(),
        life=int(life) * MICROSECOND if life else None,
    )
