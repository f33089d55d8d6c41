"""Iterates over all live sessions, page by page, without blocking Redis."""

from collections.abc import AsyncIterator, Sequence
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from service.stores import redis_keys
from service.stores.redis import RedisTopology

AT_ONCE = 1000  # keys per SCAN


class RedisAllSessions:
    def __init__(self, redis: Redis, servers: RedisTopology) -> None:
        self._redis = redis
        self._servers = servers

    async def pages(self) -> AsyncIterator[Sequence[tuple[str, UUID]]]:
        beginning = redis_keys.session("")
        for redis, _ in await self._servers.primaries(self._redis):
            place = -1
            while place:
                place, names = cast(
                    "tuple[int, list[bytes]]", await redis.scan(max(place, 0), match=f"{beginning}*", count=AT_ONCE)
                )
                async with redis.pipeline(transaction=False) as pipe:
                    for name in names:
                        pipe.hget(name, "u")
                    owners = await pipe.execute()
                page = zip((name.decode().removeprefix(beginning) for name in names), owners, strict=True)
                yield [(session_id, UUID(bytes=owner)) for session_id, owner in page if owner]
