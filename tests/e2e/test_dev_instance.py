"""`tokenhouse dev` and the commands that are given to the instance that it runs."""

import json
import re
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from service.commands import dev
from service.embedded import Stores
from service.settings import DatabaseSettings, PasswordSettings, RedisSettings, load
from tests.support import builders
from tests.support.ports import free_port
from tests.support.processes import answers, running, stop, wait_for
from tests.support.waiting import PATIENCE


def ran(*words: str, **environment: str) -> tuple[int, str]:
    with running(*words, **environment) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, said


def test_every_command_works_on_the_running_instance(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    here = {"TOKENHOUSE_DEV_DIR": str(home), "TOKENHOUSE_DATABASE__URL": "postgresql://elsewhere@127.0.0.1:1/no"}
    told = here | {
        "PORT": str(port),
        "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4",
        "TOKENHOUSE_THROTTLE__ENABLED": "false",
    }
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        record = home / "running.json"
        assert record.stat().st_mode & 0o777 == 0o600
        status, said = ran("dev", "keys", "list", **here)
        assert (status, "active" in said, "next" in said) == (0, True, True), said
        for words in ("migrate", "audit", "users disable nobody@example.com", "secrets rotate", "clients new shop"):
            status, said = ran("dev", *words.split(), **here)
            assert status == (1 if "nobody" in words else 0), said
        status, said = ran(
            "dev", "doctor", "--json", **here, TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS="13", LOG_LEVEL="LOUD"
        )
        found = {one["check"]: one["said"] for one in map(json.loads, said.splitlines())}
        assert f"http://127.0.0.1:{port}" in found["issuer"]
        assert found["limits"].startswith("disabled")  # by the instance's settings; in this shell they are enabled
        assert found["passwords"] == "bcrypt with 4 rounds"
        assert found["passkeys"] == f"of localhost, used at http://localhost:{port}"
        stop(process, signal.SIGINT)
    assert not record.exists()


def test_without_a_running_instance_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text('{"TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1"}')  # of one that was killed
    status, said = ran("dev", "keys", "list", TOKENHOUSE_DEV_DIR=str(tmp_path))
    assert status == 78
    assert said.startswith(f"tokenhouse: no `tokenhouse dev` runs on {tmp_path}")
    assert "make run" in said


def test_the_welcome_names_an_address_that_can_be_opened(tmp_path: Path) -> None:
    port = free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "PORT": str(port), "TOKENHOUSE_SERVER__HOST": "::1"}
    with running("dev", **told) as process:
        said = ""
        while "Ctrl-C stops it" not in said:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, said
            said += line
        stop(process)
    assert f"Tokenhouse serves on http://[::1]:{port} " in said


def test_the_welcome_says_why_cognito_s_clients_are_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = builders.settings(tokens={"client_id": "my-app"})
    assert "not served: tokens.client_id" in dev._for_cognito(settings, "http://127.0.0.1:8080")
    monkeypatch.setenv("TOKENHOUSE_COGNITO__ENABLED", "false")
    assert dev._for_cognito(settings, "http://127.0.0.1:8080") == ""  # it was switched off


def test_development_waits_for_stores_and_passwords_that_are_late(
    embedded: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENHOUSE_REDIS__COMMAND_TIMEOUT", "125ms")
    settings = load()
    settings = load(pinned=dev._pinned(settings, embedded, tmp_path))
    for patience, usual in (
        (settings.database.acquire_timeout, DatabaseSettings().acquire_timeout),
        (settings.database.command_timeout, DatabaseSettings().command_timeout),
        (settings.redis.acquire_timeout, RedisSettings().acquire_timeout),
        (settings.redis.connect_timeout, RedisSettings().connect_timeout),
        (settings.passwords.max_wait, PasswordSettings().max_wait),
    ):
        assert patience >= 10 * usual
    assert settings.redis.command_timeout.total_seconds() == 0.125  # who sets one gets it


def test_pages_are_on_unless_the_environment_says_otherwise(
    embedded: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load()
    assert not settings.pages.enabled  # anywhere else
    assert load(pinned=dev._pinned(settings, embedded, tmp_path)).pages.enabled
    for value in ("false", "true"):
        monkeypatch.setenv("TOKENHOUSE_PAGES__ENABLED", value)
        said = load(pinned=dev._pinned(load(), embedded, tmp_path)).pages
        assert said.enabled is (value == "true")


def test_a_browser_gets_a_link_by_the_name_that_passkeys_are_made_for(tmp_path: Path) -> None:
    port = free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "PORT": str(port)}
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        with urlopen(f"http://localhost:{port}/", timeout=PATIENCE) as front:
            text = front.read().decode()
        assert 'href="/dev/mails"' in text
        said = stop(process)
    assert f"\nIn a browser: http://localhost:{port}/\n" in said


def test_without_pages_the_inbox_looks_the_same_and_nothing_else_is_there(tmp_path: Path) -> None:
    port = free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "PORT": str(port), "TOKENHOUSE_PAGES__ENABLED": "false"}
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        with urlopen(f"http://127.0.0.1:{port}/dev/mails", timeout=PATIENCE) as inbox:
            (style,) = re.findall(r'href="(/static/house\.\w+\.css)"', inbox.read().decode())
        assert answers(port, style) == 200
        for path in ("/sign-in", "/account"):
            assert answers(port, path) == 404
        said = stop(process)
    assert "In a browser" not in said
