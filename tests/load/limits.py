"""The raw limits of this machine: what the parts alone can do, without a service around them."""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import asyncpg
import bcrypt
from joserfc import jwt
from joserfc.jwk import RSAKey
from redis.asyncio import BlockingConnectionPool, Redis

from service.domain.passwords.hash_queue import NICENESS

PASSWORD = b"SecurePass1!"
COST = 12  # the service's default
CLAIMS = {"sub": "0" * 36, "jti": "0" * 24, "origin_jti": "0" * 24, "exp": 2_000_000_000, "email": "ada@example.com"}


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


class Hashes:
    """bcrypt as its wheel does it, on threads as nice as the service's: what else the machine does hits both alike."""

    def __init__(self) -> None:
        self._stored = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(COST))

    def one(self) -> float:
        """Seconds for one check with nothing else to do."""
        taken: list[float] = []

        def work() -> None:
            _be_nice()
            started = perf_counter()
            bcrypt.checkpw(PASSWORD, self._stored)
            taken.append(perf_counter() - started)

        _run([threading.Thread(target=work)])
        return taken[0]

    def rate(self, seconds: float, threads: int) -> float:
        """Checks per second on so many threads at once (bcrypt lets the GIL go), from the first end to the last."""
        ends: list[float] = []
        until = perf_counter() + seconds

        def work() -> None:
            _be_nice()
            while perf_counter() < until:
                bcrypt.checkpw(PASSWORD, self._stored)
                ends.append(perf_counter())

        _run([threading.Thread(target=work) for _ in range(threads)])
        inside = sorted(end for end in ends if end <= until)  # after that, some threads idle already
        return (len(inside) - 1) / (inside[-1] - inside[0]) if len(inside) > 1 else 0.0


class Signatures:
    """RS256 with 2048 bits, as the service signs."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048)
        self._token = self._sign()

    def _sign(self) -> str:
        return jwt.encode({"alg": "RS256", "typ": "JWT"}, CLAIMS, self._key, algorithms=["RS256"])

    def rate(self, seconds: float) -> float:
        """Signatures per second on one thread."""
        return _rate(self._sign, seconds)

    def verifications(self, seconds: float) -> float:
        return _rate(lambda: jwt.decode(self._token, self._key, algorithms=["RS256"]), seconds)


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Round trips per second, one at a time and 32 at a time."""

    alone: float
    together: float


async def redis_round_trips(url: str, seconds: float) -> RoundTrips:
    redis = Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=64))
    try:
        await redis.set("bench", b"1", px=60_000)
        return await _round_trips(lambda: redis.get("bench"), seconds)
    finally:
        await redis.aclose()


async def postgres_round_trips(url: str, seconds: float) -> RoundTrips:
    async with asyncpg.create_pool(url, min_size=10, max_size=10) as pool:
        return await _round_trips(lambda: pool.fetchrow("SELECT id, email FROM users LIMIT 1"), seconds)


async def _round_trips(ask: Callable[[], Awaitable[object]], seconds: float) -> RoundTrips:
    return RoundTrips(await _many(ask, seconds, 1), await _many(ask, seconds, 32))


async def _many(ask: Callable[[], Awaitable[object]], seconds: float, at_once: int) -> float:
    started = perf_counter()
    until, done = started + seconds, 0

    async def work() -> None:
        nonlocal done
        while perf_counter() < until:
            await ask()
            done += 1

    await asyncio.gather(*(work() for _ in range(at_once)))
    return done / (perf_counter() - started)


def _be_nice() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _run(workers: Sequence[threading.Thread]) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _rate(act: Callable[[], object], seconds: float) -> float:
    started, done = perf_counter(), 0
    until = started + seconds
    while perf_counter() < until:
        act()
        done += 1
    return done / (perf_counter() - started)
