"""A seed as a team uses it: with the command, and with `tokenhouse dev`."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiohttp import ClientSession

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.commands.seed import people_of
from service.embedded import Stores
from service.settings import read_seed
from tests.conftest import ROOT, real_settings
from tests.support.builders import PASSWORD, claims_of
from tests.support.databases import Command
from tests.support.ports import free_port
from tests.support.processes import running, stop, wait_for

SEED = f"""
users:
  - email: Ada@Example.com
    password: {PASSWORD}
    first_name: Ada
    last_name: Lovelace
    groups: [admins]
    claims: {{team: platform}}
  - email: grace@example.com
    password: {PASSWORD}
    verified: false
  - email: nobody@example.com
groups:
  staff: [Ada@Example.com, grace@example.com]
clients:
  introspection: {{billing: cs_0123456789abcdefghij}}
"""


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    return written(tmp_path, SEED)


def written(place: Path, text: str) -> Path:
    file = place / "seed.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
async def application(embedded: Stores, redis: object, database: object) -> Any:
    application = build(real_settings(embedded), Ambient())
    await application.open()
    yield application
    await application.close()


async def test_a_seed_is_applied_once_and_leaves_what_is_there(
    application: Application, command: Command, seed: Path, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    few = {"TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4", "TOKENHOUSE_OPERATOR": "grace@bastion"}
    assert (await command("seed", str(seed), **few))[:2] == (0, "accounts opened: 3; there already: 0\n")
    rows = await database.fetch("SELECT email, groups, claims, email_verified_at, password_hash FROM users ORDER BY 1")
    assert [(row["email"], row["groups"], json.loads(row["claims"])) for row in rows] == [
        ("Ada@Example.com", ["admins", "staff"], {"team": "platform"}),
        ("grace@example.com", ["staff"], {}),
        ("nobody@example.com", [], {}),
    ]
    assert [row["email_verified_at"] is None for row in rows] == [False, True, False]
    assert [row["password_hash"] == "" for row in rows] == [False, False, True]
    await database.execute("UPDATE users SET groups = '{}'")
    assert (await command("seed", str(seed), "--json"))[:2] == (0, '{"opened": 0, "present": 3}\n')
    assert {tuple(row["groups"]) for row in await database.fetch("SELECT groups FROM users")} == {()}
    assert await database.fetchval("SELECT count(*) FROM audit_events WHERE operator = 'grace@bastion'") == 3


@pytest.mark.parametrize("wrong", ["password: weak", "claims: {sub: x}", "groups: [a b]", "email: nobody"])
async def test_a_seed_with_one_wrong_user_opens_no_account(
    command: Command, tmp_path: Path, wrong: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    email = "" if wrong.startswith("email") else "email: late@example.com, "
    seed = written(tmp_path, f"users: [{{email: ada@example.com, password: {PASSWORD}}}, {{{email}{wrong}}}]")
    status, _, complaint = await command("seed", str(seed))
    assert (status, complaint.count("\n")) == (78, 1)
    assert str(seed) in complaint
    assert await database.fetchval("SELECT count(*) FROM users") == 0


async def test_two_that_seed_at_once_open_each_account_once(application: Application, seed: Path) -> None:
    people = people_of(read_seed(seed), seed)
    seeded = await asyncio.gather(*(application.seeding.apply(people, "ada") for _ in range(4)))
    assert sum(one.opened for one in seeded) == 3
    assert {one.opened + one.present for one in seeded} == {3}


async def test_development_serves_with_the_seed_that_the_readme_shows(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(users:.*?)```", page, re.DOTALL)
    assert shown
    file = written(tmp_path, shown[1])
    port = free_port()
    told = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "PORT": str(port), "TOKENHOUSE_SEED": str(file)}
    for opened in ("opened: 2; there already: 0", "opened: 0; there already: 2"):
        with running("dev", **told, TOKENHOUSE_TOKENS__CLAIMS="team") as process:
            await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
            async with ClientSession(f"http://127.0.0.1:{port}") as http:
                body = {"email": "ada@example.com", "password": "SecurePass1!"}
                for _ in range(300):  # it serves a moment before the seed is applied
                    answer = await http.post("/auth/login", json=body)
                    if answer.status == 200:
                        break
                    await asyncio.sleep(0.1)
                tokens = await answer.json()
            said = await asyncio.to_thread(stop, process)
        assert opened in said
        claims = claims_of(tokens["idToken"])
        assert UUID(claims["sub"])
        assert (claims["cognito:groups"], claims["team"]) == (["admins"], "platform")
