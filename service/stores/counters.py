"""The counters behind the rate limits: one script call per decision, on Redis's clock."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from redis.asyncio import Redis

from service.domain.limits.charges import Charge, LimitExceeded, Reservation, Suspect, Verdict
from service.settings import Rate, ThrottleSettings
from service.stores import redis_keys
from service.stores.scripts import Scripts

HELD = timedelta(minutes=1)  # an attempt without a verdict for this long counts as failed: its instance is gone
IN_A_ROW_LIFETIME = timedelta(hours=24)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)


class RedisCounters:
    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._take = scripts.script("gcra", "take")
        self._refund = scripts.script("gcra", "refund")
        self._reserve = scripts.script("gcra", "login_row", "reserve")
        self._settle = scripts.script("gcra", "login_row", "settle")

    async def take(self, decision: str, charges: Sequence[Charge]) -> LimitExceeded | None:
        rows = [redis_keys.limit(decision, charge.row, charge.who) for charge in charges]
        wait, left, more = await self._take(rows, _numbers(*(charge.rate for charge in charges)))
        return _refusal(wait, left, more) if int(wait) else None

    async def refund(self, decision: str, charge: Charge) -> None:
        await self._refund([redis_keys.limit(decision, charge.row, charge.who)], _numbers(charge.rate))

    async def knows(self, suspect: Suspect) -> bool:
        return bool(await self._redis.exists(_login_keys(suspect)[4]))

    async def reserve(self, suspect: Suspect, settings: ThrottleSettings) -> tuple[Reservation | LimitExceeded, bool]:
        rates = _numbers(
            settings.login_global,
            settings.login_source,
            settings.login_account_source,
            settings.login_account,
            settings.login_known_source,
        )
        arguments = [HELD // MICROSECOND, settings.login_lockout, *rates]
        wait, _, warn, left, more, *charges = await self._reserve(_login_keys(suspect), arguments)
        if int(wait):
            return _refusal(wait, left, more), bool(warn)
        return Reservation(suspect, tuple(int(charge) for charge in charges)), bool(warn)

    async def settle(self, reservation: Reservation, verdict: Verdict, settings: ThrottleSettings) -> None:
        lifetimes = (settings.known_source_lifetime // MILLISECOND, IN_A_ROW_LIFETIME // MILLISECOND)
        await self._settle(_login_keys(reservation.suspect), [verdict.value, *reservation.charges, *lifetimes])


def _login_keys(suspect: Suspect) -> list[str]:
    return [
        redis_keys.limit("login", "global"),
        redis_keys.limit("login", "source", suspect.source),
        redis_keys.limit("login", "pair", suspect.pair),
        redis_keys.limit("login", "account", suspect.account),
        redis_keys.limit("login", "known", suspect.pair),
        redis_keys.limit("login", "in-a-row", suspect.account),
    ]


def _numbers(*rates: Rate) -> list[int]:
    return [number for rate in rates for number in (rate.quota, rate.window // MICROSECOND)]


def _refusal(wait: bytes, left: int, more: bytes) -> LimitExceeded:
    """Times in whole seconds, rounded up, so that waiting that long is enough."""
    return LimitExceeded(_seconds(wait), left, _seconds(more))


def _seconds(microseconds: bytes) -> timedelta:
    return timedelta(seconds=ceil(int(microseconds) / 1_000_000))
