"""The embedded servers keep what they were given, leave nothing behind, and say in one line why they do not start."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio as redis

from service.embedded import EmbeddedPostgres, EmbeddedRedis, binaries, redis_package, socket_directory, stores
from service.operator_errors import ConfigurationError
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE

CHECKOUT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a death signal")

PARENT = """
import sys
from pathlib import Path
from service.embedded import stores
with stores(Path(sys.argv[1]), fast=True) as running:
    for server in (running.postgres, running.redis):
        print(server.pid, server.sockets, flush=True)
    sys.stdin.read()
"""
BARE = """
import sys
from pathlib import Path
from service.embedded.binaries import find_redis
from service.operator_errors import ConfigurationError
try:
    find_redis(Path(sys.argv[1]))
except ConfigurationError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def filled() -> Iterator[Path]:
    """Data of an earlier run, where everyone can reach it: when root runs the tests, the servers run as nobody here."""
    with tempfile.TemporaryDirectory(prefix="tokenhouse-test-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with stores(directory, fast=True) as running:
            asyncio.run(_remember(running.postgres, running.redis))
        yield directory


@pytest.fixture
def sockets() -> Iterator[Path]:
    with socket_directory() as directory:
        yield directory


async def test_data_survives_a_restart(filled: Path) -> None:
    with stores(filled, fast=True) as running:
        assert await _recall(running.postgres, running.redis) == ("kept", b"kept")


async def test_data_survives_a_crash_and_servers_listen_on_a_port_when_asked(filled: Path, sockets: Path) -> None:
    postgres = EmbeddedPostgres(filled / "postgres", sockets, port=free_port(), fast=True)
    cache = EmbeddedRedis(filled / "redis", sockets, port=free_port(), options={"maxmemory": "64mb"})
    with ExitStack() as closing:
        for server in (postgres, cache):
            closing.callback(server.stop)
            server.start()
            server.kill()
            server.start()
        assert await _recall(postgres, cache) == ("kept", b"kept")
        async with redis.Redis.from_url(cache.url) as client:
            assert (await client.config_get("maxmemory"))["maxmemory"] == str(64 << 20)


@LINUX
def test_killing_the_parent_leaves_no_server_behind_and_the_next_start_recovers(filled: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(filled)]
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        children = [parent.stdout.readline().decode().split() for _ in range(2)]
        pids = [int(pid) for pid, _ in children]
        assert all(map(_runs, pids))
        parent.send_signal(signal.SIGKILL)
    with stores(filled, fast=True) as running:  # at once, while the old servers are still shutting down
        assert asyncio.run(_recall(running.postgres, running.redis)) == ("kept", b"kept")
    deadline = time.monotonic() + PATIENCE
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline, "a server was left behind"
        time.sleep(0.01)  # between two looks at other processes
    for _, directory in children:
        Path(directory).rmdir()  # which works because they went in good order and took their sockets along


def test_a_second_start_on_the_same_directory_is_refused_in_one_line(filled: Path) -> None:
    with (
        stores(filled, fast=True),
        pytest.raises(ConfigurationError, match="TOKENHOUSE_DEV_DIR") as refusal,
        stores(filled, fast=True),
    ):
        pass
    assert str(filled) in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_a_directory_may_be_private_and_its_path_longer_than_a_socket_allows(tmp_path: Path) -> None:
    directory = tmp_path / ("a long name with spaces " * 5).strip() / ('and "quotes"' * 5)
    with stores(directory, fast=True) as running:
        await _remember(running.postgres, running.redis)
        assert await _recall(running.postgres, running.redis) == ("kept", b"kept")


@LINUX
async def test_paused_servers_keep_their_callers_waiting_until_they_are_resumed(filled: Path) -> None:
    with stores(filled, fast=True) as running:
        database = await asyncpg.connect(running.postgres.url)
        async with redis.Redis.from_url(running.redis.url) as cache:
            await cache.ping()
            running.postgres.pause()
            running.redis.pause()
            asked = [asyncio.ensure_future(database.fetchval("SELECT 1")), asyncio.ensure_future(cache.ping())]
            answered, _ = await asyncio.wait(asked, timeout=0.2)
            assert not answered
            running.postgres.resume()
            running.redis.resume()
            assert await asyncio.gather(*asked) == [1, True]
        await database.close()


def test_a_paused_server_can_be_stopped(filled: Path, sockets: Path) -> None:
    cache = EmbeddedRedis(filled / "redis", sockets)
    cache.start()
    cache.pause()
    cache.stop()
    assert cache.pid is None


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedRedis])
def test_a_server_that_cannot_start_says_why_in_one_line(
    kind: type[EmbeddedPostgres | EmbeddedRedis],
    filled: Path,
    sockets: Path,
) -> None:
    server = kind(filled / kind.__name__.removeprefix("Embedded").lower(), sockets, options={"no_such_setting": "1"})
    with pytest.raises(ConfigurationError, match=r"does not start: .*\(see .*\.log\)") as refusal:
        server.start()
    assert "\n" not in str(refusal.value)
    assert server.pid is None


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("brew", "brew install redis"),
        ("apt-get", "sudo apt-get install redis-server"),
        ("dnf", "sudo dnf install valkey"),
        ("none", "install a redis-server or valkey-server that is on PATH"),
    ],
)
def test_without_any_redis_the_refusal_says_what_to_type_on_this_platform(
    manager: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / manager).touch(0o755)
    bare = subprocess.run(
        [sys.executable, "-S", "-c", BARE, str(tmp_path / "redis")],
        cwd=CHECKOUT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert bare.stdout.startswith(f"{binaries.NO_REDIS}: {words} (")
    assert bare.stdout.count("\n") == 1


@pytest.mark.timeout(900)
def test_where_no_wheel_fits_redis_is_built_from_source_once_for_every_data_directory(
    tmp_path: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := [name for name in redis_package.COMPILERS if not shutil.which(name)]:
        pytest.skip(f"{' and '.join(missing)} would be needed to build anything")
    monkeypatch.setattr(redis_package, "wheel_fits", lambda: False)
    monkeypatch.setattr(binaries, "_wheel", lambda _: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    (tmp_path / "environment").mkdir()
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name.endswith("-server") else which(name))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")  # an earlier build would be taken for this one
    built = binaries.find_redis(tmp_path / "one" / "bin")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert binaries.find_redis(tmp_path / "another" / "bin") == built
    assert built.is_relative_to(tmp_path / "environment")
    server = EmbeddedRedis(tmp_path / "data" / "redis", sockets)
    server.start()
    server.stop()


def test_where_the_packages_cannot_be_written_redis_is_kept_with_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_wheel", lambda _: None)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)  # no virtual environment
    monkeypatch.setenv("PATH", str(tmp_path))
    kept = tmp_path / "bin" / redis_package.PROGRAM
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert binaries.find_redis(tmp_path / "bin") == kept


async def _remember(postgres: EmbeddedPostgres, cache: EmbeddedRedis) -> None:
    database = await asyncpg.connect(postgres.url)
    await database.execute("CREATE TABLE words AS SELECT 'kept' AS word")
    await database.close()
    async with redis.Redis.from_url(cache.url) as client:
        await client.set("word", "kept")


async def _recall(postgres: EmbeddedPostgres, cache: EmbeddedRedis) -> tuple[object, object]:
    database = await asyncpg.connect(postgres.url)
    word = await database.fetchval("SELECT word FROM words")
    await database.close()
    async with redis.Redis.from_url(cache.url) as client:
        return word, await client.get("word")


def _runs(pid: int) -> bool:
    try:
        fields = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields.rpartition(")")[2].split()[0] != "Z"  # a zombie only waits for its new parent to look
