"""Instances as processes of their own, which a test may kill, freeze and start with a wrong clock."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from tests.conftest import Client
from tests.e2e.history.record import History
from tests.support.ports import free_port
from tests.support.processes import UNHURRIED, of, running
from tests.support.waiting import until

CAME_UP = 30.0  # seconds for an instance to become ready, on a busy machine
GIVES_UP = 10.0  # seconds after which a client hangs up
PACE = 0.2  # seconds between two looks at an instance
TICK = 0.05
LATE = 0.1  # seconds that a tick may be late before the machine counts as stalled
CLOCK = """
import sys
from datetime import timedelta
from service.ambient import Ambient
right = Ambient.now
Ambient.now = lambda self: right(self) + timedelta(seconds=float(sys.argv[1]))
from service.__main__ import main
sys.exit(main(["serve"]))
"""  # what follows it on the command line is the program whose clock was right
TOLD = {
    "TOKENHOUSE_SERVER__TRUSTED_PROXIES": "127.0.0.1",
    "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4",
    "TOKENHOUSE_PASSWORDS__MAX_WAIT": "2s",
    "TOKENHOUSE_TOKENS__ALGORITHM": "ES256",
    "TOKENHOUSE_TOKENS__MAX_SESSIONS": "1000",
    "TOKENHOUSE_THROTTLE__EXEMPT": "10.0.0.0/8,127.0.0.0/8",
    "TOKENHOUSE_LOGGING__LEVEL": "WARNING",
    "TOKENHOUSE_METRICS__ENABLED": "false",
}


class Fleet:
    """`urls`: for each instance what it is told of its stores."""

    def __init__(self, urls: Sequence[Mapping[str, str]], history: History, **settings: str) -> None:
        self._told = [TOLD | settings | dict(one) for one in urls]
        self._history = history
        self._closing = AsyncExitStack()
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._ports = [free_port() for _ in urls]
        self.ready: set[int] = set()
        self.clients: list[Client] = []

    @property
    def numbers(self) -> range:
        return range(len(self._ports))

    def start(self, number: int, ahead: float = 0.0) -> None:
        """With its clock ahead by so many seconds, or behind."""
        told = of(None, self._ports[number], **self._told[number])
        environment = {name: value for name, value in told.items() if name not in UNHURRIED}  # answers are timed here
        clock = [sys.executable, "-c", CLOCK, str(ahead)] if ahead else []
        self._processes[number] = self._closing.enter_context(running("serve", within=clock, **environment))

    def kill(self, number: int) -> None:
        self._processes[number].kill()
        self._processes[number].wait()
        self.ready.discard(number)

    def pause(self, number: int) -> None:
        self._processes[number].send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self._processes[number].send_signal(signal.SIGCONT)

    async def is_alive(self, number: int) -> bool:
        return await self._status(number, "/healthz") == 200

    async def are_ready(self) -> bool:
        return self.ready == {*self.numbers}

    async def all_ready(self) -> None:
        await until(self.are_ready, within=CAME_UP)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Fleet"]:
        async with self._closing:
            for number in self.numbers:
                session = ClientSession(
                    f"http://127.0.0.1:{self._ports[number]}",
                    connector=TCPConnector(limit=0),
                    timeout=ClientTimeout(total=GIVES_UP),
                )
                self.clients.append(Client(await self._closing.enter_async_context(session), self._ports[number]))
                self.start(number)
            watching = [asyncio.create_task(self._watch(number)) for number in self.numbers]
            watching.append(asyncio.create_task(self._tick()))
            try:
                await self.all_ready()
                yield self
            finally:
                for one in watching:
                    one.cancel()
                await asyncio.gather(*watching, return_exceptions=True)

    async def _watch(self, number: int) -> None:
        """As a balancer does. An instance that is late to say that it lives is starved, and owes nobody an answer."""
        while True:
            began = monotonic()
            await self._status(number, "/healthz")
            if monotonic() - began > LATE:
                self._history.stalls.append((began, monotonic()))
            ready = await self._status(number, "/readyz") == 200
            (self.ready.add if ready else self.ready.discard)(number)
            await asyncio.sleep(PACE)

    async def _status(self, number: int, path: str) -> int:
        with suppress(ClientError, TimeoutError):
            return (await self.clients[number].get(path)).status
        return 0

    async def _tick(self) -> None:
        while True:
            began = monotonic()
            await asyncio.sleep(TICK)
            if monotonic() - began > TICK + LATE:
                self._history.stalls.append((began, monotonic()))
