"""Lazy migration on the real stores, with the old system of docs/moving.md, and nothing of it where it is off."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.domain.foreign_hashes.elsewhere import marker_of
from service.domain.transfer.ports import NoOldAnswerError
from service.old_system.client import HttpOldSystem
from tests.conftest import ROOT, Instances
from tests.support.builders import SECRET as SECRET_KEY
from tests.support.databases import Command
from tests.support.old_systems import PASSWORD, SECRET, VARIABLE, old_system
from tests.support.ports import free_port
from tests.support.waiting import until

LOGINS = 20
LOADED = """
import asyncio, sys
import service.__main__, service.commands.serve
from service.ambient import Ambient
from service.app import make_app
from service.assembly.application import build
from service.settings import load

async def main():
    settings = load()
    application = build(settings, Ambient())
    make_app(application, settings.server)
    print(any(name.startswith(("service.old_system", "service.domain.transfer.old_answers")) for name in sys.modules))
    await application.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("url", ["", "https://old.example.com/check"])
def test_nothing_of_it_is_loaded_unless_it_is_on(url: str) -> None:
    settings = {
        "TOKENHOUSE_LAZY_MIGRATION__URL": url,
        VARIABLE: SECRET,
        "TOKENHOUSE_SECRET_KEY": SECRET_KEY,
        "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] == str(bool(url))


@pytest.mark.parametrize("person", [{}, {"id": "7b1f2c9e-3f0a-4c52-9c0d-0a1b2c3d4e5f"}], ids=["new id", "its id"])
async def test_many_logins_at_once_of_one_unknown_user_make_one_account(
    instances: Instances,
    database: "asyncpg.Connection[asyncpg.Record]",
    monkeypatch: pytest.MonkeyPatch,
    person: dict[str, Any],
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={**person, "groups": ["staff"], "emailVerified": True}) as old:
        chosen = {"url": old.url, "timeout": "10s", "concurrency": 200}
        here, there = await instances(2, lazy_migration=chosen)
        body = {"email": "ada@example.com", "password": PASSWORD}
        answers = await asyncio.gather(
            *((here, there)[number % 2].post("/auth/login", body) for number in range(LOGINS))
        )
        assert [answer.status for answer in answers] == [200] * LOGINS, [await one.text() for one in answers]
        asked = len(old.asked)
        rows = await database.fetch("SELECT id, groups, email_verified_at, password_hash FROM users")
        assert len(rows) == 1
        assert rows[0]["groups"] == ["staff"]
        if person:
            assert rows[0]["id"] == UUID(person["id"])
        tokens = await answers[0].json()
        assert (await there.me(tokens)).status == 200
        again = await here.post("/auth/login", body)
        assert (again.status, len(old.asked)) == (200, asked)


async def test_an_account_imported_without_a_hash_takes_the_password_once(
    instances: Instances, database: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={}) as old:
        [client] = await instances(1, lazy_migration={"url": old.url, "timeout": "10s"})
        person = await client.sign_up(email="ada@example.com")
        await database.execute("UPDATE users SET password_hash = $1", marker_of("ada@example.com"))
        body = {"email": person["email"], "password": PASSWORD}
        assert (await client.post("/auth/login", body)).status == 200
        assert (await client.post("/auth/login", body)).status == 200
        assert len(old.asked) == 1
        [row] = await database.fetch("SELECT password_hash FROM users")
        assert row["password_hash"].startswith("$bcrypt-sha256$")


@pytest.fixture
def old_check(tmp_path: Path) -> Iterator[str]:
    """The URL of the old system of docs/moving.md, as it is printed there."""
    page = (ROOT / "docs/moving.md").read_text(encoding="utf-8")
    [printed] = re.findall(r'```python\n("""old_check.py.*?)```', page, re.DOTALL)
    (tmp_path / "old_check.py").write_text(printed)
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "-W", "error", tmp_path / "old_check.py"], env={"SECRET": SECRET, "PORT": str(port)}
    )
    yield f"http://127.0.0.1:{port}/check"
    running.terminate()
    running.wait()


async def is_up(url: str) -> bool:
    try:
        await HttpOldSystem(url, 1.0).check()
    except NoOldAnswerError:
        return False
    return True


@pytest.mark.usefixtures("database")
async def test_the_old_system_of_the_page_works_as_it_is_printed(
    instances: Instances, monkeypatch: pytest.MonkeyPatch, old_check: str
) -> None:
    await until(lambda: is_up(old_check))
    monkeypatch.setenv(VARIABLE, f"whsec_{'b3RoZXI0' * 4},{SECRET}")
    [client] = await instances(1, lazy_migration={"url": old_check, "timeout": "10s"})
    body = {"email": "Ada@example.com", "password": "correct horse"}
    first = await client.post("/auth/login", body)
    assert first.status == 200, await first.text()
    me = await (await client.me(await first.json())).json()
    assert (me["firstName"], me["lastName"]) == ("Ada", "Lovelace")
    forged = {"webhook-timestamp": "1", "webhook-signature": "v1,x"}
    assert (await client.http.post(old_check, json=body, headers=forged)).status == 400


async def test_the_doctor_connects_and_asks_nothing(command: Command) -> None:
    async with old_system() as old:
        environment = {"TOKENHOUSE_LAZY_MIGRATION__URL": old.url, VARIABLE: SECRET}
        _, said, _ = await command("doctor", **environment)
        assert re.search(r"^ok +old system +the old system can be connected to$", said, re.MULTILINE), said
        assert old.got == []
    _, said, _ = await command("doctor", **environment)
    assert re.search(r"^problem +old system +nobody moves in: no connection to it", said, re.MULTILINE), said
