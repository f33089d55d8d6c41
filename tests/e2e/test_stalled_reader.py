"""Nobody reads standard output: the service serves on, tells what was lost once somebody does, and stops in time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession

from service.embedded import Stores
from tests.conftest import ROOT
from tests.e2e.processes import PATIENCE, of
from tests.patience import until
from tests.ports import free_port

ROOM = 50_000  # bytes that the service may hold back; as much as a pipe holds comes on top
PROGRAM = f"from service import output, __main__; output.OUTPUT._most = {ROOM}; __main__.main(['serve'])"
REQUESTS = 1000  # some 200 bytes of log each
AT_ONCE = 50


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def process(embedded: Stores, database: object, redis: object, port: int) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENHOUSE_")}
    environment = kept | {"PYTHONPATH": str(ROOT)} | of(embedded, port, TOKENHOUSE_METRICS__PORT="0")
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, cwd="/") as process:
        yield process
        process.kill()


async def test_a_reader_that_stalls_stops_nothing(process: subprocess.Popen[bytes], port: int) -> None:
    async with ClientSession(f"http://127.0.0.1:{port}") as client:

        async def is_ready() -> bool:
            try:
                return await status_of(client, "/readyz") == 200
            except OSError:
                return False

        await until(is_ready, within=PATIENCE)
        await flood(client)
        lost = await asyncio.to_thread(read_until_loss_is_told, process)
        assert 0 < lost < REQUESTS
        await flood(client)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0


async def status_of(client: ClientSession, path: str) -> int:
    async with client.get(path) as answer:
        return answer.status


async def flood(client: ClientSession) -> None:
    for _ in range(REQUESTS // AT_ONCE):
        said = await asyncio.gather(*(status_of(client, "/healthz") for _ in range(AT_ONCE)))
        assert said == [200] * AT_ONCE


def read_until_loss_is_told(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout
    for line in process.stdout:
        said = json.loads(line)
        if said["event"] == "log lines dropped":
            return int(said["lines"])
    raise AssertionError("the log ended without a word of what it lacks")
