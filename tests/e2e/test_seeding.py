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
from tests.support.processes import of, running, stop, wait_for
from tests.support.waiting import PATIENCE, until

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


async def test_passwords_of_a_file_are_set_on_a_public_address_only_if_asked_for(
    command: Command, seed: Path, tmp_path: Path, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    public = {"TOKENHOUSE_TOKENS__ISSUER": "https://auth.example.com", "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
    status, said, complaint = await command("seed", str(seed), **public)
    assert (status, said) == (2, "")
    assert ("https://auth.example.com" in complaint, "--yes" in complaint, PASSWORD in complaint) == (True, True, False)
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    assert (await command("seed", str(seed), "--yes"))[0] == 0
    without = tmp_path / "without.yaml"
    without.write_text("users: [{email: late@example.com}]", encoding="utf-8")
    assert (await command("seed", str(without)))[:2] == (0, "accounts opened: 1; there already: 0\n")


async def test_a_file_that_has_grown_is_applied_again_and_one_that_was_edited_changes_nobody(
    command: Command, tmp_path: Path, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    few = {"TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
    ada = f"{{email: ada@example.com, password: {PASSWORD}, groups: [a]}}"
    await command("seed", str(written(tmp_path, f"users: [{ada}]")), **few)
    before = await database.fetchrow("SELECT * FROM users")
    edited = ada.replace("[a]", "[b]").replace("ada@", "ADA@").replace(PASSWORD, "Another-Pass2!")
    grown = written(tmp_path, f"users: [{edited}, {{email: grace@example.com}}]")
    assert (await command("seed", str(grown)))[:2] == (0, "accounts opened: 1; there already: 1\n")
    assert await database.fetchrow("SELECT * FROM users WHERE email = 'ada@example.com'") == before


async def test_a_seed_that_was_killed_half_way_is_finished_by_the_next_run(
    embedded: Stores, redis: object, database: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> None:
    people = 40
    users = [{"email": f"a{number}@example.com", "password": PASSWORD, "groups": ["a"]} for number in range(people)]
    file, whole = written(tmp_path, json.dumps({"users": users})), "SELECT count(*) FROM users WHERE groups = '{a}'"
    told = of(embedded, 0, TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS="8")
    with running("seed", str(file), **told) as process:
        await until(lambda: _is(database, whole + " HAVING count(*) > 2"))
        process.kill()
        process.wait()
    opened = await database.fetchval(whole)
    assert 0 < opened < people
    with running("seed", str(file), **told) as process:
        said = (await asyncio.to_thread(process.communicate, timeout=PATIENCE))[0]
    assert said == f"accounts opened: {people - opened}; there already: {opened}\n"
    assert await database.fetchval(whole) == await database.fetchval("SELECT count(*) FROM users") == people


async def _is(database: "asyncpg.Connection[asyncpg.Record]", query: str) -> bool:
    return bool(await database.fetchval(query))


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
