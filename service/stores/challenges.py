"""Redis: logins that wait for a second factor, and TOTP secrets that nobody has confirmed yet."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from service.stores import redis_keys
from service.stores.scripts import Scripts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)


class RedisChallenges:
    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._open = scripts.script("challenge_open")
        self._try = scripts.script("challenge_try")
        self._keep = scripts.script("challenge_keep")

    async def add(self, digest: str, user_id: UUID, password_changed_at: datetime, lifetime: timedelta) -> None:
        stamp = (password_changed_at - EPOCH) // MICROSECOND
        await self._open([redis_keys.challenge(digest)], [lifetime // MILLISECOND, user_id.bytes, stamp])

    async def find(self, digest: str) -> tuple[UUID, datetime] | None:
        user_id, stamp = cast("list[bytes | None]", await self._redis.hmget(redis_keys.challenge(digest), ["u", "v"]))
        return (UUID(bytes=user_id), EPOCH + int(stamp) * MICROSECOND) if user_id and stamp else None

    async def count_try(self, digest: str, most: int) -> bool:
        return bool(await self._try([redis_keys.challenge(digest)], [most]))

    async def keep_secret(self, digest: str, sealed: bytes) -> bool:
        return bool(await self._keep([redis_keys.challenge(digest)], [sealed]))

    async def secret(self, digest: str) -> bytes | None:
        return cast("bytes | None", await self._redis.hget(redis_keys.challenge(digest), "s"))

    async def remove(self, digest: str) -> bool:
        return bool(await self._redis.delete(redis_keys.challenge(digest)))


class RedisEnrolments:
    """`key`: the one of a user, for those that were begun in the same way."""

    def __init__(self, redis: Redis, key: Callable[[UUID], str] = redis_keys.unconfirmed_totp) -> None:
        self._redis = redis
        self._key = key

    async def begin(self, user_id: UUID, sealed: bytes, lifetime: timedelta) -> None:
        await self._redis.set(self._key(user_id), sealed, px=lifetime)

    async def find(self, user_id: UUID) -> bytes | None:
        return cast("bytes | None", await self._redis.get(self._key(user_id)))

    async def remove(self, user_id: UUID) -> None:
        await self._redis.delete(self._key(user_id))
