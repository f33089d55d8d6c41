"""What is kept weighs so much: bytes in Redis and in Postgres, of ten thousand of each kind, through our own stores."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import mean
from typing import cast
from uuid import UUID

import asyncpg
from pydantic import SecretStr
from redis.asyncio import Redis

from service.ambient import Ambient
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Entry
from service.domain.events.security_events import Event, Name
from service.domain.limits.charges import LimitExceeded, Suspect, Verdict
from service.domain.models import Session, User
from service.domain.seals import Seals
from service.domain.sessions.models import EndedSession, Swap
from service.settings import DatabaseSettings, Rate, RedisSettings, ThrottleSettings, TokenSettings
from service.stores import redis_keys
from service.stores.audit import PostgresAuditTrail
from service.stores.connect import connect
from service.stores.counters import RedisCounters
from service.stores.denylist import RedisDenylist
from service.stores.migrations import migrate
from service.stores.postgres import Postgres
from service.stores.redis import RedisTopology
from service.stores.revocations import PostgresRevocations
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from service.stores.users import PostgresUsers
from tests.support.builders import remembering
from tests.support.waiting import until

COUNT = 10_000
AT_ONCE = 20
LOOKED_AT = 500  # keys that MEMORY USAGE is asked for
LIFE = timedelta(days=30)
HOUR = timedelta(hours=1)
PATIENCE = 5.0  # seconds for connections to end
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
HASH = "$bcrypt-sha256$v=2,t=2b,r=12$" + 22 * "s" + "$" + 31 * "h"  # the length of a real one
Do = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Weight:
    """`held`: by how much used_memory (or the relation with its indexes) grew. `own`: what MEMORY USAGE says."""

    held: float
    own: float = 0.0


@dataclass(frozen=True, slots=True)
class Scales:
    """Reads what Redis has allocated over a connection of its own."""

    redis: Redis
    busy: Redis

    async def weigh(self, do: Do, each: str, *, share: int = 1, first: Do | None = None) -> Weight:
        """`share`: how many of them one `do` makes. `first` is done once, before."""
        await self.redis.flushall()
        if first:
            await first(0)
        await many(do, AT_ONCE)
        before = await self._allocated()
        await many(do, COUNT // share)
        grown = await self._allocated() - before
        names = [name async for name in self.redis.scan_iter(match=each, count=LOOKED_AT)][:LOOKED_AT]
        return Weight(grown / COUNT, mean([cast("int", await self.redis.memory_usage(name)) for name in names]))

    async def _allocated(self) -> int:
        """While nobody else is connected, for connections take memory too; without what waits to be logged."""
        await self.busy.connection_pool.disconnect()
        await until(self._is_alone, within=PATIENCE)
        said = await self.redis.memory_stats()
        return int(said["total.allocated"] - said["aof.buffer"])

    async def _is_alone(self) -> bool:
        return int((await self.redis.info("clients"))["connected_clients"]) == 1


async def redis(url: str, ambient: Ambient) -> dict[str, Weight]:
    """Bytes of each thing, by its symbol, on a Redis that is emptied before each kind."""
    client, servers = connect(RedisSettings(url=SecretStr(url), acquire_timeout=HOUR, command_timeout=HOUR))
    scales = Scales(Redis.from_url(url), client)
    try:
        return await _redis(client, servers, scales, ambient)
    finally:
        await client.aclose()
        await scales.redis.aclose()


async def _redis(client: Redis, servers: RedisTopology, scales: Scales, ambient: Ambient) -> dict[str, Weight]:
    scripts = Scripts(client)
    live, counters = RedisSessions(client, scripts, TokenSettings()), RedisCounters(client, scripts)
    denylist = RedisDenylist(client, servers, ambient)
    settings = ThrottleSettings(
        login_global=Rate(quota=10 * COUNT, window=HOUR)
    )  # no flood: each row at its full quota

    async def opened(_: int, *, source: str = "203.0.113.77", agent: str = AGENT, share: int = 1) -> None:
        user = ambient.new_uuid()
        for _ in range(share):
            await live.open(_session(ambient, user, source, agent), ambient.random_bytes(32))

    async def rotated(_: int) -> None:
        session, digest = _session(ambient, ambient.new_uuid(), "203.0.113.77", AGENT), ambient.random_bytes(32)
        await live.open(session, digest)
        await live.rotate(Swap(session.id, digest, ambient.random_bytes(32), ambient.now(), timedelta(seconds=10)))

    async def vouched_for(_: int) -> None:
        await denylist.restore(remembering({}))

    async def denied(_: int) -> None:
        await denylist.add({}, {ambient.new_id(): HOUR})

    async def logged_out(_: int) -> None:
        await denylist.add({ambient.new_id(): HOUR, ambient.new_id(): HOUR}, {ambient.new_id(): HOUR})

    async def failed(_: int, verdict: Verdict = Verdict.FAILED) -> None:
        suspect = Suspect(_source(ambient), _name(ambient), _name(ambient))
        reserved, _ = await counters.reserve(suspect, settings)
        assert not isinstance(reserved, LimitExceeded)
        await counters.settle(reserved, verdict, settings)

    async def known(_: int) -> None:
        await failed(0, Verdict.SUCCEEDED)

    long = partial(opened, source="2001:db8:aaaa:bbbb::/64", agent=AGENT.ljust(200, "x"))
    return {
        "S": await scales.weigh(opened, redis_keys.session("*")),
        "S6": await scales.weigh(long, redis_keys.session("*")),
        "SR": await scales.weigh(rotated, redis_keys.session("*")),
        "S5": await scales.weigh(partial(opened, share=5), redis_keys.session("*"), share=5),
        "D": await scales.weigh(denied, redis_keys.denied_session("*"), first=vouched_for),
        "D3": await scales.weigh(logged_out, redis_keys.denied_token("*"), first=vouched_for),
        "F": await scales.weigh(failed, redis_keys.limit("login", "pair", "*")),
        "K": await scales.weigh(known, redis_keys.limit("login", "known", "*")),
    }


async def postgres(url: str, ambient: Ambient) -> dict[str, Weight]:
    """Bytes of a row with its share of the indexes, each entered as the service enters it."""
    await migrate(url)
    pool = Postgres(DatabaseSettings(url=SecretStr(url), pool_max=10, acquire_timeout=HOUR))
    await pool.open()
    api_keys = ApiKeys(Seals([ambient.random_bytes(32).hex()], ambient), ambient)
    users, revocations, trail = PostgresUsers(pool), PostgresRevocations(pool), PostgresAuditTrail(pool)

    async def sign_up(number: int) -> None:
        user_id, now = ambient.new_uuid(), ambient.now()
        _, sealed, digest = api_keys.make(user_id)
        address = f"ada.lovelace.{number}@example.com"
        await users.add(User(user_id, address, address, "Ada", "Lovelace", HASH, sealed, now, now), digest)

    async def revoke(_: int) -> None:
        await revocations.add([EndedSession(ambient.new_id(), ambient.new_uuid())], HOUR, LIFE)

    async def audit(_: int) -> None:
        event = Event(Name.LOGGED_IN, user_id=ambient.new_uuid(), session_id=ambient.new_id(), source="203.0.113.0/24")
        await trail.add([Entry(ambient.new_uuid(), ambient.now(), event, ambient.new_id())])

    try:
        return {
            "U": await _grown(url, "users", sign_up),
            "V": await _grown(url, "revocations", revoke),
            "E": await _grown(url, "audit_events", audit),
        }
    finally:
        await pool.close()


async def _grown(url: str, table: str, do: Do) -> Weight:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"TRUNCATE {table} CASCADE")
        await many(do, COUNT)
        return Weight(await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table) / COUNT)
    finally:
        await connection.execute(f"TRUNCATE {table} CASCADE")
        await connection.close()


async def many(do: Do, count: int) -> None:
    """`AT_ONCE` of them at a time."""
    for start in range(1, count + 1, AT_ONCE):
        await asyncio.gather(*(do(number) for number in range(start, min(start + AT_ONCE, count + 1))))


def _session(ambient: Ambient, user_id: UUID, source: str, agent: str) -> Session:
    now = ambient.now()
    return Session(ambient.new_id(), user_id, now, now, now + LIFE, source, agent, now)


def _name(ambient: Ambient) -> str:
    """As long as the pseudonym of an account."""
    return ambient.new_id()[:22]


def _source(ambient: Ambient) -> str:
    return ".".join(str(byte) for byte in ambient.random_bytes(4))
