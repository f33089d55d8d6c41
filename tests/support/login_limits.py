"""Logins as the counters see them. Time passes by moving what a row remembers."""

from datetime import timedelta

from redis.asyncio import Redis

from service.domain.limits.charges import LimitExceeded, Reservation, Suspect, Verdict
from service.settings import Rate, ThrottleSettings
from service.stores import redis_keys
from service.stores.counters import RedisCounters

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ANN = Suspect(source="203.0.113.7", account="ann", pair="ann@7")
ANN_ELSEWHERE = Suspect(source="198.51.100.9", account="ann", pair="ann@9")
BOB = Suspect(source="203.0.113.7", account="bob", pair="bob@7")
GENEROUS = Rate(quota=1000, window=5 * MINUTE)
WIDE_OPEN = ThrottleSettings(
    login_source=GENEROUS,
    login_account_source=GENEROUS,
    login_account=GENEROUS,
    login_known_source=GENEROUS,
    login_global=Rate(quota=100_000, window=5 * MINUTE),
    login_lockout=1000,
)
FIVE = WIDE_OPEN.model_copy(update={"login_account_source": Rate(quota=5, window=5 * MINUTE)})
OF_PAIR = redis_keys.limit("login", "pair", ANN.pair)
OF_SOURCE = redis_keys.limit("login", "source", ANN.source)
OF_ACCOUNT = redis_keys.limit("login", "account", ANN.account)
IN_A_ROW = redis_keys.limit("login", "in-a-row", ANN.account)


async def reserve(counters: RedisCounters, suspect: Suspect = ANN, settings: ThrottleSettings = FIVE) -> Reservation:
    outcome, _ = await counters.reserve(suspect, settings)
    assert isinstance(outcome, Reservation)
    return outcome


async def refusal(counters: RedisCounters, suspect: Suspect = ANN, settings: ThrottleSettings = FIVE) -> LimitExceeded:
    outcome, _ = await counters.reserve(suspect, settings)
    assert isinstance(outcome, LimitExceeded)
    return outcome


async def login(
    counters: RedisCounters, verdict: Verdict, suspect: Suspect = ANN, settings: ThrottleSettings = FIVE, times: int = 1
) -> None:
    for _ in range(times):
        await counters.settle(await reserve(counters, suspect, settings), verdict, settings)


async def let_pass(redis: Redis, time: timedelta) -> None:
    """Move everything that login rows remember into the past."""
    for key in await redis.keys("th:limit:{login}:*"):
        if await redis.type(key) == b"hash":
            for field in ("tat", "held_until"):
                await redis.hincrby(key, field, -int(time.total_seconds() * 1_000_000))


async def now_of(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return seconds * 1_000_000 + microseconds


async def tat_of(redis: Redis, key: str) -> int:
    return int(await redis.hget(key, "tat") or 0)
