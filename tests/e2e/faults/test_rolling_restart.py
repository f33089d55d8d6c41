"""All instances are replaced, one after another, under load: nobody notices."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector

from service.embedded import Stores
from tests.conftest import Client
from tests.support import builders
from tests.support.balancer import Balancer
from tests.support.ports import free_port
from tests.support.processes import of, running
from tests.support.waiting import PATIENCE, until

INSTANCES = 3
CROWD = 8
PACE = 0.04  # seconds before each request: the processes that start need their share of the machine
ASKED = ("sign up", "login", "me", "refresh", "logout", "me, logged out")
TOLD = {
    "TOKENHOUSE_SERVER__DRAIN": "10s",  # a hundred health checks; on a busy machine a few
    "TOKENHOUSE_SERVER__TRUSTED_PROXIES": "127.0.0.1",
    "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4",
    "TOKENHOUSE_PASSWORDS__MAX_WAIT": "60s",
    "TOKENHOUSE_THROTTLE__ENABLED": "false",
    "TOKENHOUSE_LOGGING__LEVEL": "WARNING",
}


class Fleet:
    """Instances as processes of their own."""

    def __init__(self, stores: Stores, closing: AsyncExitStack) -> None:
        self.ports = [free_port() for _ in range(INSTANCES)]
        self._stores = stores
        self._closing = closing
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def start(self, port: int) -> None:
        self._processes[port] = self._closing.enter_context(running("serve", **of(self._stores, port, **TOLD)))

    async def end(self, port: int, how: signal.Signals) -> int:
        process = self._processes[port]
        process.send_signal(how)
        said, _ = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        assert "Traceback" not in said
        return process.returncode


@pytest.fixture
async def fleet(embedded: Stores, redis: object, database: object) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as closing:
        fleet = Fleet(embedded, closing)
        for port in fleet.ports:
            fleet.start(port)
        yield fleet


@asynccontextmanager
async def balanced(fleet: Fleet) -> AsyncIterator[tuple[Balancer, Client]]:
    async with (
        Balancer(fleet.ports).serving() as balancer,
        ClientSession(f"http://127.0.0.1:{balancer.port}", connector=TCPConnector(limit=0)) as session,
    ):
        await balancer.sees(*fleet.ports)
        yield balancer, Client(session, balancer.port)


class Visitor:
    """Signs up, logs in, comes back, logs out, and again; and remembers every answer that was not as it should be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.heard: Counter[str] = Counter()
        self.wrong: list[tuple[str, int, int]] = []
        self.over: list[dict[str, Any]] = []

    async def visit_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            person = builders.sign_up_body()
            if not await self._hear("sign up", 201, self._client.post("/auth/signup", person)):
                continue
            body = {"email": person["email"], "password": person["password"]}
            tokens = await self._hear("login", 200, self._client.post("/auth/login", body))
            if not tokens:
                continue
            for _ in range(5):
                await self._hear("me", 200, self._client.me(tokens))
                await self._hear("refresh", 200, self._client.refresh(tokens))
            if await self._hear("logout", 200, self._client.log_out(tokens)):
                self.over.append(tokens)
                await self._hear("me, logged out", 401, self._client.me(tokens))

    async def _hear(self, what: str, status: int, asked: Any) -> dict[str, Any]:
        await asyncio.sleep(PACE)
        answer = await asked
        self.heard[what] += 1
        if answer.status != status:
            self.wrong.append((what, status, answer.status))
            return {}
        said: dict[str, Any] = await answer.json()
        return said


def total(visitors: list[Visitor]) -> Counter[str]:
    return sum((visitor.heard for visitor in visitors), Counter[str]())


@asynccontextmanager
async def crowd(client: Client) -> AsyncIterator[list[Visitor]]:
    stop = asyncio.Event()
    visitors = [Visitor(client) for _ in range(CROWD)]
    visiting = [asyncio.create_task(visitor.visit_until(stop)) for visitor in visitors]
    try:
        yield visitors
    finally:
        stop.set()
        await asyncio.gather(*visiting)


async def test_a_rolling_restart_under_load_loses_no_request(fleet: Fleet) -> None:
    async with balanced(fleet) as (balancer, client):
        async with crowd(client) as visitors:
            for port in fleet.ports:
                assert await fleet.end(port, signal.SIGTERM) == 0
                await balancer.sees(*set(fleet.ports) - {port})
                fleet.start(port)
                await balancer.sees(*fleet.ports)

            async def all_was_asked_for() -> bool:
                return min(total(visitors).get(what, 0) for what in ASKED) > INSTANCES

            await until(all_was_asked_for)
        assert [wrong for visitor in visitors for wrong in visitor.wrong] == []
        assert balancer.lost == 0


@pytest.mark.faults
async def test_an_instance_killed_under_load_takes_back_nothing_that_was_acknowledged(fleet: Fleet) -> None:
    async with balanced(fleet) as (balancer, client):
        async with crowd(client) as visitors:
            for port in fleet.ports[:2]:

                async def somebody_left() -> bool:
                    return bool(sum(len(visitor.over) for visitor in visitors))

                await until(somebody_left, within=PATIENCE)
                assert await fleet.end(port, signal.SIGKILL) == -signal.SIGKILL
                await balancer.sees(*set(fleet.ports) - {port})
                fleet.start(port)
                await balancer.sees(*fleet.ports)
        wrong = [wrong for visitor in visitors for wrong in visitor.wrong]
        assert {status for _, _, status in wrong} <= {502}
        assert len(wrong) == balancer.lost
        for visitor in visitors:
            for tokens in visitor.over:
                assert (await client.me(tokens)).status == 401
                assert (await client.refresh(tokens)).status == 401
