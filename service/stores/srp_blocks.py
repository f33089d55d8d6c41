"""Redis: secret blocks of SRP that were used."""

from datetime import timedelta

from redis.asyncio import Redis

from service.stores import redis_keys


class RedisUsedBlocks:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, digest: str, lifetime: timedelta) -> bool:
        return bool(await self._redis.set(redis_keys.used_srp_block(digest), b"", px=lifetime, nx=True))
