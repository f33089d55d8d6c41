"""How an instance ends and how it is told of changes, as an operator sees it from outside."""

import asyncio
import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from tests.support.builders import SECRET
from tests.support.certificates import make_certificate
from tests.support.databases import Command
from tests.support.ports import free_port
from tests.support.processes import answers, of, running, stop, wait_for
from tests.support.waiting import PATIENCE

DRAIN = "10s"  # long enough to be seen
LONG = "600s"  # nobody waits for it
FILES = 300
BOUND = 60.0  # seconds for what comes at once on a machine at rest
NOWHERE = {"TOKENHOUSE_DATABASE__URL": "postgresql://a@127.0.0.1:1/a", "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1"}


@pytest.fixture(autouse=True)
def clean(redis: object, database: object) -> None:
    """Empty stores."""


@contextmanager
def serving(stores: Stores, **more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    with running("serve", **of(stores, port, TOKENHOUSE_LOGGING__FORMAT="json", **more)) as process:
        wait_for(port, "/readyz", 200, process)
        yield process, port


def events(said: str) -> list[str]:
    return [json.loads(line)["event"] for line in said.splitlines() if line.startswith("{")]


def lines_of(process: subprocess.Popen[str], event: str, count: int = 1) -> list[dict[str, object]]:
    """What the log says until an event was heard so often."""
    assert process.stdout
    heard = []
    while count:
        line = process.stdout.readline()
        assert line, "the process ended"
        heard.append(json.loads(line))
        count -= heard[-1]["event"] == event
    return heard


# --- ending


def test_readiness_turns_first_and_everything_is_served_until_balancers_have_noticed(embedded: Stores) -> None:
    with serving(embedded, TOKENHOUSE_SERVER__DRAIN=DRAIN) as (process, port):
        kept = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        process.send_signal(signal.SIGTERM)
        wait_for(port, "/readyz", 503, process)
        assert answers(port, "/healthz") == 200
        assert answers(port, "/.well-known/jwks.json") == 200
        kept.request("GET", "/auth/me")
        answer = kept.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (401, "close")
        answer.read()
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
    assert events(said).count("stopping") == 1
    assert "Traceback" not in said


def test_a_request_in_flight_is_answered_after_the_listener_has_closed(embedded: Stores) -> None:
    with serving(embedded) as (process, port), socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        client.sendall(head.encode())
        assert answers(port, "/healthz") == 200  # what came before it has been read
        process.send_signal(signal.SIGTERM)
        while answers(port, "/healthz"):
            assert process.poll() is None
        client.sendall(b"{}")
        assert client.recv(64).startswith(b"HTTP/1.1 422 ")
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_what_was_received_in_full_is_answered_without_a_drain(embedded: Stores) -> None:
    """The process is frozen, so that all of it waits in the kernel when the signal comes."""
    ask = b"GET /auth/me HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(embedded, TOKENHOUSE_SERVER__DRAIN="0s") as (process, port), ExitStack() as closing:
        process.send_signal(signal.SIGSTOP)
        callers = [closing.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE)) for _ in range(100)]
        for caller in callers:
            caller.sendall(ask)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        for caller in callers:
            assert b"".join(iter(lambda caller=caller: caller.recv(4096), b"")).startswith(b"HTTP/1.1 401 ")  # type: ignore[misc] # a loop's own
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_the_second_signal_ends_the_process_at_once(embedded: Stores) -> None:
    with serving(embedded, TOKENHOUSE_SERVER__DRAIN=LONG) as (process, port):
        process.send_signal(signal.SIGTERM)
        wait_for(port, "/readyz", 503, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM


def test_an_instance_that_never_got_ready_need_not_drain() -> None:
    port = free_port()
    with running("serve", **of(None, port, TOKENHOUSE_SERVER__DRAIN=LONG, **NOWHERE)) as process:
        wait_for(port, "/healthz", 200, process)
        assert "Traceback" not in stop(process)


async def test_ready_is_told_when_readyz_says_so_and_not_before(embedded: Stores, redis: Redis) -> None:
    port = free_port()
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with running("serve", **of(embedded, port, TOKENHOUSE_LOGGING__FORMAT="json")) as process:
            async with asyncio.timeout(BOUND):  # the end of the process ends the reading
                before = await asyncio.to_thread(lines_of, process, "not ready")
            assert "maxmemory-policy" in str(before[-1]["redis"])
            assert answers(port, "/readyz") == 503
            await redis.config_set("maxmemory-policy", "noeviction")
            async with asyncio.timeout(BOUND):
                after = await asyncio.to_thread(lines_of, process, "ready")
            assert answers(port, "/readyz") == 200
            stop(process)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert "ready" not in [line["event"] for line in before]
    assert [line["event"] for line in after].count("ready") == 1


# --- SIGHUP


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("keys: {rotate_after: 'off'}\n")
    return file


def test_sighup_reads_log_and_key_settings_again(embedded: Stores, configuration: Path) -> None:
    with serving(embedded, TOKENHOUSE_CONFIG=str(configuration)) as (process, port):
        configuration.write_text("logging: {level: WARNING}\nkeys: {rotate_after: 1ms}\n")
        before = key_ids(port)
        process.send_signal(signal.SIGHUP)
        while key_ids(port) == before:  # the signing key was older than that, so its heir took over
            assert process.poll() is None
        assert answers(port, "/auth/verify") == 401
        configuration.write_text("server: {drain: 7s}\n")
        process.send_signal(signal.SIGHUP)
        lines = lines_of(process, "configuration read again", 2)
        assert lines[-1]["needs_restart"] == ["server"]
        assert answers(port, "/docs") == 200
        said = stop(process)
    assert "/auth/verify" not in [line.get("route") for line in lines]
    assert '"/docs"' in said


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_sighup_is_answered_at_every_level(embedded: Stores, configuration: Path, level: str) -> None:
    with serving(embedded, TOKENHOUSE_CONFIG=str(configuration)) as (process, _):
        configuration.write_text(f"logging: {{level: {level}}}\nserver: {{drain: 7s}}\n")
        for times in (1, 2):  # the level changes with the first one
            process.send_signal(signal.SIGHUP)
            answer = lines_of(process, "configuration read again")[-1]
            assert (answer["needs_restart"], answer["level"]) == (["server"], "warning"), times
        configuration.write_text(f"logging: {{level: {level}}}\n")
        process.send_signal(signal.SIGHUP)
        assert lines_of(process, "configuration read again")[-1]["needs_restart"] == []


def test_probes_that_succeed_leave_no_line(embedded: Stores) -> None:
    with serving(embedded) as (process, port):
        assert [answers(port, path) for path in ("/healthz", "/readyz", "/docs")] == [200, 200, 200]
        said = [json.loads(line) for line in stop(process).splitlines()]
    told = [(line["route"], line["status"]) for line in said if line["event"] == "request"]
    assert told[-1] == ("/docs", 200)
    assert not {("/healthz", 200), ("/readyz", 200)} & set(told)


def test_the_start_line_tells_what_hashes_and_which_loop_runs(embedded: Stores) -> None:
    chosen = {"TOKENHOUSE_PASSWORDS__ENGINE": "wheel", "TOKENHOUSE_SERVER__EVENT_LOOP": "asyncio"}
    with serving(embedded, **chosen) as (process, port):
        ready = lines_of(process, "ready")[-1]
        assert (ready["password_engine"], ready["event_loop"]) == ("wheel", "asyncio")
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
            assert json.load(answer)["passwords"] == "wheel"
        stop(process)


def test_sighup_with_a_configuration_that_cannot_work_changes_nothing(embedded: Stores, configuration: Path) -> None:
    with serving(embedded, TOKENHOUSE_CONFIG=str(configuration)) as (process, port):
        configuration.write_text(f"logging: {{level: LOUD}}\nsecret_key: {SECRET}\n")
        process.send_signal(signal.SIGHUP)
        refused = lines_of(process, "configuration refused")[-1]
        assert "logging.level" in str(refused["reason"])
        assert SECRET not in str(refused)
        assert answers(port, "/readyz") == 200
        stop(process)


async def test_sighup_reads_the_signing_keys_at_once(
    embedded: Stores, command: Command, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    with serving(embedded) as (process, port):
        before = key_ids(port)
        assert (await command("keys", "rotate", "--now"))[0] == 0
        process.send_signal(signal.SIGHUP)
        while key_ids(port) == before:
            assert process.poll() is None
        stop(process)


def test_sighup_takes_up_a_renewed_certificate(embedded: Stores, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    files = {"TOKENHOUSE_SERVER__TLS_CERTIFICATE": str(chain), "TOKENHOUSE_SERVER__TLS_KEY": str(key)}
    port = free_port()
    with running("serve", **of(embedded, port, TOKENHOUSE_LOGGING__FORMAT="json", **files)) as process:
        lines_of(process, "ready")
        chain_before = shown_by(port)
        key.chmod(0o644)
        process.send_signal(signal.SIGHUP)
        assert "server.tls_key" in str(lines_of(process, "configuration refused")[-1]["reason"])
        make_certificate(tmp_path)
        key.chmod(0o600)
        process.send_signal(signal.SIGHUP)
        lines_of(process, "configuration read again")
        assert shown_by(port) not in (chain_before, "")
        stop(process)


def shown_by(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE)


def key_ids(port: int) -> list[str]:
    with urlopen(f"http://127.0.0.1:{port}/.well-known/jwks.json", timeout=PATIENCE) as answer:
        return [key["kid"] for key in json.load(answer)["keys"]]


# --- how many may connect


def test_no_more_connections_are_taken_than_there_are_files_for(embedded: Stores) -> None:
    port = free_port()
    within = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(FILES))
    told = of(embedded, port, TOKENHOUSE_LOGGING__FORMAT="json", TOKENHOUSE_SERVER__TRUSTED_PROXIES="127.0.0.1")
    with running("serve", within=within, **told) as process:
        wait_for(port, "/readyz", 200, process)
        crowd = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(3 * FILES)]
        served = 0
        for client in crowd:
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        for client in crowd:
            with suppress(ConnectionError):
                answer = client.recv(4096)
                served += answer.startswith(b"HTTP/1.1 200 ")
                assert b" 200 " in answer or b" 503 " in answer
        for client in crowd:
            client.close()
        assert served == FILES - 256
        wait_for(port, "/readyz", 200, process)
        said = stop(process)
    assert events(said).count("connections limited by open files") == 1
    assert "out of system resource" not in said


def test_too_few_files_to_serve_at_all_stop_the_start() -> None:
    within = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', "200")
    with running("serve", within=within, **of(None, free_port(), **NOWHERE)) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 78
    assert "only 200 files may be open: raise the limit (ulimit -n)" in said
