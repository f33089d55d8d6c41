"""The `tokenhouse` command as a person uses it, in processes of its own."""

import signal
import socket
import subprocess
from pathlib import Path

from service.embedded import EmbeddedPostgres, EmbeddedRedis, Stores, socket_directory
from tests.support.builders import SECRET
from tests.support.ports import free_port
from tests.support.processes import answers, of, running, stop, wait_for
from tests.support.waiting import PATIENCE


def test_an_instance_started_before_its_stores_waits_for_them(tmp_path: Path) -> None:
    port = free_port()
    with socket_directory() as sockets:
        stores = Stores(
            EmbeddedPostgres(tmp_path / "pg", sockets, fast=True), EmbeddedRedis(tmp_path / "redis", sockets)
        )
        with running("serve", **of(stores, port)) as process:
            wait_for(port, "/healthz", 200, process)
            assert answers(port, "/readyz") == 503
            assert answers(port, "/auth/me") == 401  # a credential that is missing needs no store
            stores.redis.start()
            stores.postgres.start()
            wait_for(port, "/readyz", 200, process)
            said = stop(process)
        stores.postgres.stop()
        stores.redis.stop()
    assert "waiting for Postgres and Redis" in said
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_secret_that_does_not_open_the_database_stops_the_start(
    embedded: Stores, redis: object, database: object
) -> None:
    port = free_port()
    with running("serve", **of(embedded, port)) as process:
        wait_for(port, "/readyz", 200, process)
        stop(process)
    with running("serve", **of(embedded, port, TOKENHOUSE_SECRET_KEY=SECRET[::-1])) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 78
    assert "tokenhouse: TOKENHOUSE_SECRET_KEY does not open" in said
    with running(
        "serve", **of(embedded, port, TOKENHOUSE_SECRET_KEY=SECRET[::-1], TOKENHOUSE_SECRET_KEYS_PREVIOUS=SECRET)
    ) as process:
        wait_for(port, "/readyz", 200, process)
        stop(process, signal.SIGINT)


def test_a_schema_that_is_behind_stops_a_start_that_may_not_migrate(embedded: Stores, database: object) -> None:
    empty = embedded.postgres.url.replace("/tokenhouse?", "/postgres?")
    with running(
        "serve",
        **of(embedded, free_port(), TOKENHOUSE_DATABASE__URL=empty, TOKENHOUSE_DATABASE__MIGRATE_ON_START="false"),
    ) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 78
    assert "run `tokenhouse migrate` first" in said


def test_a_busy_port_is_named_with_its_setting(embedded: Stores) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with running("serve", **of(embedded, port)) as process:
            said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 78
    assert f"port {port} is in use; set TOKENHOUSE_SERVER__PORT" in said


def test_users_are_disabled_and_enabled_by_command(embedded: Stores, redis: object, database: object) -> None:
    with running("users", "disable", "nobody@example.com", **of(embedded, 0)) as process:
        assert "no account has this address" in process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1


def test_dev_serves_on_a_fresh_directory_and_keeps_what_it_holds(tmp_path: Path) -> None:
    home, port = tmp_path / "a long name for a checkout of one's own" / ("x" * 60), free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(home), "PORT": str(port), "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        said = stop(process, signal.SIGINT)
    assert f"http://127.0.0.1:{port}/auth/login" in said
    secret = home / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    before = secret.read_text()
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        stop(process)
    assert secret.read_text() == before
    left = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout
    assert not left, "a server was left behind"
