"""Health checks of the stores, each a phrase for `/readyz`; and how full Redis is."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from redis.asyncio import Redis

from service.ambient import Ambient
from service.domain.clock_watch import ClockWatch
from service.stores import rights
from service.stores.postgres import Postgres
from service.stores.redis import RedisServer, RedisTopology
from service.stores.timed_redis import OUTAGES

STATE = f"""
    SELECT
        current_setting('transaction_read_only') = 'on' AS read_only,
        EXISTS ({rights.LACKING}) AS lacks_rights,
        clock_timestamp() AS now
"""


class ServerState(NamedTuple):
    check: str
    fullness: float | None = None  # used memory / maxmemory; None without a limit
    ahead: timedelta | None = None  # its clock, relative to ours


class PostgresHealth:
    """`allowed`: how far clocks may differ."""

    def __init__(
        self, postgres: Postgres, redis: "RedisHealth", clock: ClockWatch, ambient: Ambient, allowed: timedelta
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._clock = clock
        self._ambient = ambient
        self._allowed = allowed

    async def check(self) -> str:
        """An instance whose clock differs from that of Postgres dates tokens wrongly, so it serves none."""
        before = self._ambient.now()
        row = await self._postgres.fetchrow(STATE, *rights.needed())
        after = self._ambient.now()
        if row is None or row["read_only"]:
            await self._postgres.start_afresh()  # another host may be the writable one by now
            return "read-only"
        ahead = _ahead(row["now"], before, after)
        if abs(ahead) > self._allowed:
            with suppress(*OUTAGES):
                await self._redis.check()  # a third clock tells which of the two is wrong
        wrong = wrong_clock(ahead, self._redis.ahead, self._allowed)
        self._clock.note(wrong)
        if row["lacks_rights"]:
            return "lacks rights on a table"
        return wrong or "ok"


def wrong_clock(postgres: timedelta, redis: timedelta | None, allowed: timedelta) -> str:
    """Which of three clocks is wrong; empty when ours and that of Postgres agree.

    `postgres` and `redis`: how far each is ahead of ours. Redis' clock alone does no harm, and decides who is right.
    """
    if abs(postgres) <= allowed:
        return ""
    if redis is not None and abs(redis) <= allowed:
        return f"the clock of Postgres is {_apart(postgres)}"
    return f"the clock of this instance is {_apart(-postgres)}"


def _apart(span: timedelta) -> str:
    return f"{abs(span.total_seconds()):.0f} s {'ahead' if span > timedelta(0) else 'behind'}"


def _ahead(there: datetime, before: datetime, after: datetime) -> timedelta:
    """How far `there` is ahead of our time when it was read, taken as midway between query and reply."""
    return there - (before + (after - before) / 2)


class RedisHealth:
    def __init__(self, redis: Redis, servers: RedisTopology, ambient: Ambient) -> None:
        self._redis = redis
        self._servers = servers
        self._ambient = ambient
        self.ahead: timedelta | None = None  # a primary's clock, relative to ours; None until one has replied
        self.fullness: float | None = None  # of the fullest primary, as last seen; None where no limit is known

    async def check(self) -> str:
        """The first problem that a primary has, or "ok".

        When one of several does not reply, only the requests for its keys fail, so the instance stays ready.
        """
        self.fullness = None  # a value from before an outage would look current
        asked = [_ask(one, server, self._ambient) for one, server in await self._servers.primaries(self._redis)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        info = [answer for answer in answers if isinstance(answer, ServerState)]
        if not info:
            return "no answer"
        self.fullness = max((one.fullness for one in info if one.fullness is not None), default=None)
        self.ahead = next((one.ahead for one in info if one.ahead is not None), None)
        return next((one.check for one in info if one.check != "ok"), "ok")


async def _ask(redis: Redis, server: RedisServer, ambient: Ambient) -> ServerState:
    """A Redis that evicts keys would lose revocations silently, so an instance on it is not ready."""
    before = ambient.now()
    info = await redis.info()
    there = datetime.fromtimestamp(info["server_time_usec"] / 1_000_000, UTC)
    ahead = _ahead(there, before, ambient.now())
    server.learn(info)
    if info["role"] != "master":
        return ServerState("is a replica")
    check = "ok" if info["maxmemory_policy"] == "noeviction" else "maxmemory-policy is not noeviction"
    return ServerState(check, info["used_memory"] / info["maxmemory"] if info["maxmemory"] else None, ahead)
