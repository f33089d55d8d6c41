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
from tests.support.ports import free_port
from tests.support.processes import of
from tests.support.waiting import PATIENCE, until

ROOM = 300_000  # bytes that the service may hold back; as much as a pipe holds comes on top
PROGRAM = f"from service import output, __main__; output.OUTPUT._most = {ROOM}; __main__.main(['serve'])"
REQUESTS = 3000  # some 300 bytes of log each
LONG = 120.0  # seconds for all that a busy machine does here
OTHERS = 2  # lines besides those of requests that may be among the lost
AT_ONCE = 50


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def process(embedded: Stores, database: object, redis: object, port: int) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENHOUSE_")}
    environment = (
        kept
        | {"PYTHONPATH": str(ROOT)}
        | of(
            embedded,
            port,
            TOKENHOUSE_METRICS__PORT="0",
            TOKENHOUSE_LOGGING__FORMAT="json",
            TOKENHOUSE_LOGGING__REQUESTS_PER_SECOND="1000000",
        )
    )
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

        await until(is_ready, within=LONG)
        await flood(client)
        reading = asyncio.create_task(asyncio.to_thread(read_all, process))
        await flood(client)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LONG):  # the end of the process ends the reading
        written, lost = await reading
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert written
    assert lost
    assert 0 <= written + lost - 2 * REQUESTS <= OTHERS


async def status_of(client: ClientSession, path: str) -> int:
    async with client.get(path) as answer:
        return answer.status


async def flood(client: ClientSession) -> None:
    for _ in range(REQUESTS // AT_ONCE):
        said = await asyncio.gather(*(status_of(client, "/auth/verify") for _ in range(AT_ONCE)))
        assert said == [401] * AT_ONCE


def read_all(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Request lines that were written, and lines that were told to be missing."""
    assert process.stdout
    lines = [json.loads(line) for line in process.stdout]
    missing = [line["lines"] for line in lines if line["event"] == "log lines dropped"]
    return sum(line.get("route") == "/auth/verify" for line in lines), sum(missing)
