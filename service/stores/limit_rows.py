"""The rows of the rate limits as operators see them. The scripts of `counters.py` write them."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from redis.asyncio import Redis

from service.domain.limits.standings import LOCKOUT, LOGIN, LimitRow, LimitStanding
from service.stores import redis_keys

MICROSECOND = timedelta(microseconds=1)


class RedisLimitRows:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def standings(self, rows: Sequence[LimitRow]) -> Sequence[LimitStanding]:
        found = [await self._standing(row) for row in rows]
        return [one for one in found if one.used]

    async def clear(self, rows: Sequence[LimitRow]) -> int:
        return sum([int(await self._redis.delete(_key(row))) for row in rows])

    async def _standing(self, row: LimitRow) -> LimitStanding:
        key, rate = _key(row), row.charge.rate
        if row.charge.row == LOCKOUT:
            failures = int(await self._redis.get(key) or 0)
            left = max(int(await self._redis.pttl(key)), 0) if failures else 0
            return LimitStanding(row, failures, timedelta(milliseconds=left))
        held = (await self._redis.hmget(key, ["tat"]))[0] if row.policy == LOGIN else await self._redis.get(key)
        seconds, microseconds = await self._redis.time()
        ahead = max(int(held or 0) - (seconds * 1_000_000 + microseconds), 0)
        step = ceil(rate.window / MICROSECOND / rate.quota)
        return LimitStanding(row, min(ceil(ahead / step), rate.quota), timedelta(microseconds=ahead))


def _key(row: LimitRow) -> str:
    return redis_keys.limit(row.policy, row.charge.row, row.charge.who)
