"""What a call costs everybody who has a part in it: processor time, bytes on the wire, commands, log written ahead."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from tests.load.accounts import address
from tests.load.client import BUSY, Connection, once, request
from tests.load.instances import TICKS, Instance, Stage, login, sign_up

BEHIND_A_PROXY = {"TOKENHOUSE_SERVER__TRUSTED_PROXIES": "127.0.0.0/8"}  # so that every caller is a source of its own
CHEAP = {**BEHIND_A_PROXY, "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
SETTLE = 1.5  # seconds in which the audit trail is written, and the counters of both stores come up to date
CLIENTS = 4
ACCOUNTS = 100
LOGINS = 400
CALLS = 1000
GOOD = (200, 201, 204)
HASHED = 24  # logins with a hash of full cost


@dataclass(frozen=True, slots=True)
class Spent:
    """Per call. Times in milliseconds of one core."""

    service: float
    postgres: float
    redis: float
    redis_commands: float
    redis_bytes: float  # in and out
    wal_bytes: float
    client_bytes: float  # of HTTP, in and out; no TLS


@dataclass(frozen=True, slots=True)
class Meter:
    """Everything that is counted, at one moment."""

    service: float  # seconds
    postgres: float
    redis: float
    redis_commands: float
    redis_bytes: float
    wal_bytes: float


@dataclass(slots=True)
class Till:
    """Reads the meters of one instance and its stores."""

    service: Instance
    redis: Redis
    postgres: "asyncpg.Connection[asyncpg.Record]"

    async def read(self) -> Meter:
        await asyncio.sleep(SETTLE)
        said = await self.redis.info("everything")
        wal = await self.postgres.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return Meter(
            self.service.cpu_seconds(),
            _family_seconds(await self.postgres.fetchval("SELECT pg_backend_pid()")),
            said["used_cpu_sys"] + said["used_cpu_user"],
            said["total_commands_processed"],
            said["total_net_input_bytes"] + said["total_net_output_bytes"],
            float(wal),
        )

    async def idle(self) -> list[float]:
        """What is spent per second while nobody asks anything, ourselves included."""
        before, after = await self.read(), await self.read()
        return [(new - old) / SETTLE for old, new in zip(astuple(before), astuple(after), strict=True)]

    async def ring_up(self, port: int, requests: Sequence[bytes], idle: Sequence[float]) -> tuple[Spent, list[bytes]]:
        """Send the requests; what each cost, and the bodies that came back."""
        before, began = await self.read(), asyncio.get_running_loop().time()
        answers = await _send(port, requests)
        after = await self.read()
        seconds = asyncio.get_running_loop().time() - began
        parts = [
            max(0.0, new - old - rest * seconds) / len(requests)
            for old, new, rest in zip(astuple(before), astuple(after), idle, strict=True)
        ]
        wire = sum(len(said) for said in requests) + sum(length for _, length in answers)
        service, postgres, redis, commands, redis_bytes, wal = parts
        times = (service * 1000, postgres * 1000, redis * 1000)
        return Spent(*times, commands, redis_bytes, wal, wire / len(requests)), [body for body, _ in answers]


async def per_call(place: Stage, say: Callable[[str], None]) -> dict[str, Spent]:
    """By call. What a login costs but for its hash is measured with a cheap one, and shown besides."""
    redis, postgres = Redis.from_url(place.redis), await asyncpg.connect(place.postgres)
    try:
        with place.service(CHEAP) as service:
            spent = await _cheap(Till(service, redis, postgres), say)
        with place.service(BEHIND_A_PROXY) as service:
            say("login with its hash")
            hashed = await _hashed(Till(service, redis, postgres))
    finally:
        await redis.aclose()
        await postgres.close()
    return {"login": replace(spent["login"], service=hashed), "login, hash of cost 4": spent.pop("login"), **spent}


async def _cheap(till: Till, say: Callable[[str], None]) -> dict[str, Spent]:
    port, spent = till.service.port, {}
    idle = await till.idle()

    async def ring_up(name: str, requests: Sequence[bytes]) -> list[bytes]:
        say(name)
        spent[name], bodies = await till.ring_up(port, requests, idle)
        return bodies

    await _send(port, [_from(n, sign_up(n)) for n in range(ACCOUNTS)])
    bodies = await ring_up("login", [_from(n, login(n % ACCOUNTS)) for n in range(LOGINS)])
    pairs = [_tokens(body) for body in bodies]
    refreshes = [request("POST", "/auth/refresh", {"refreshToken": pair["refreshToken"]}) for pair in pairs]
    await ring_up("refresh", [_from(n, refreshes[n % LOGINS]) for n in range(CALLS)])
    for name, path in (("me", "/auth/me"), ("verify", "/auth/verify")):
        asks = [request("GET", path, authorization=f"Bearer {pair['idToken']}") for pair in pairs]
        await ring_up(name, [asks[n % LOGINS] for n in range(CALLS)])
    await ring_up(
        "logout",
        [
            request(
                "POST", "/auth/logout", {"accessToken": pair["accessToken"]}, authorization=f"Bearer {pair['idToken']}"
            )
            for pair in pairs
        ],
    )
    return spent


def _tokens(body: bytes) -> dict[str, str]:
    said: dict[str, str] = json.loads(body)
    return said


async def _hashed(till: Till) -> float:
    """Once before, so that the cheap hashes are upgraded."""
    few = 4
    for n in range(few):
        await once(till.service.port, _from(n, login(n)))
    requests = [_from(n, login(n % few)) for n in range(HASHED)]
    spent, _ = await till.ring_up(till.service.port, requests, await till.idle())
    return spent.service


async def _send(port: int, requests: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """By a few clients at once, each one after the other; every answer must be a good one, in the end. Bodies and lengths."""
    answers: list[tuple[bytes, int]] = [(b"", 0)] * len(requests)

    async def one(client: int) -> None:
        connection = await Connection.open(port)
        for number in range(client, len(requests), CLIENTS):
            answer = await connection.ask(requests[number])
            while answer.status in BUSY:  # a store was late, on a machine that has other things to do
                await asyncio.sleep(answer.retry_after)
                answer = await connection.ask(requests[number])
            if answer.status not in GOOD:
                raise RuntimeError(f"an answer with {answer.status}: {answer.body[:200]!r}")
            answers[number] = answer.body, len(answer.head) + len(answer.body)
        connection.drop()

    await asyncio.gather(*(one(client) for client in range(CLIENTS)))
    return answers


def _from(number: int, said: bytes) -> bytes:
    """As a proxy hands it on for somebody who lives at an address of their own."""
    line, rest = said.split(b"\r\n", 1)
    return b"\r\n".join((line, b"X-Forwarded-For: " + address(number).encode(), rest))


def _family_seconds(backend: int) -> float:
    """Processor time of the Postgres that a backend belongs to: the first process, its children, and those that ended."""
    stats = {int(file.parent.name): _stat(file) for file in Path("/proc").glob("[0-9]*/stat")}
    parent = int(stats[backend][1])
    ticks = sum(int(stats[parent][field]) for field in (11, 12, 13, 14))  # utime, stime, cutime, cstime of proc(5)
    ticks += sum(int(stat[11]) + int(stat[12]) for stat in stats.values() if stat and stat[1] == str(parent))
    return ticks / TICKS


def _stat(file: Path) -> list[str]:
    """Its fields from the third on; none of a process that has ended meanwhile."""
    try:
        return file.read_text().rpartition(")")[2].split()
    except OSError:
        return []
