"""The audit trail as an operator reads it."""

import json
import platform
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.commands.operator import operator
from service.domain.events.security_events import Name
from service.embedded import Stores
from tests.conftest import Client, Serve, real_settings
from tests.support.databases import Command


@pytest.fixture
async def application(embedded: Stores, redis: object, database: object) -> Any:
    application = build(real_settings(embedded), Ambient())
    await application.open()
    yield application
    await application.close()


@pytest.fixture
async def client(application: Application, serve: Serve) -> Client:
    return await serve(application)


async def story(client: Client) -> dict[str, Any]:
    """Sign up, a wrong password, log in, log out."""
    person = await client.sign_up()
    await client.post("/auth/login", {"email": person["email"], "password": "WrongPass1!"})
    await client.log_out(await client.log_in(person))
    return person


TOLD = ["session_expired", "authn_login_success", "authn_login_fail", "user_created"]


async def test_what_happened_to_a_user_is_told_by_address_and_by_id(
    client: Client, application: Application, command: Command
) -> None:
    person, other = await story(client), await client.sign_up()
    await application.audit.write()
    for name in (person["email"], person["email"].upper(), person["userId"]):
        status, said, _ = await command("audit", "--user", name, "--json")
        lines = [json.loads(line) for line in said.splitlines()]
        assert status == 0
        assert [line["event"] for line in lines] == TOLD
        assert [line.get("reason") for line in lines] == ["logout", None, "wrong_password", None]
        assert {line["user_id"] for line in lines} == {person["userId"]}
        assert {line["source"] for line in lines} == {"127.0.0.0/24"}
        assert len({line["request_id"] for line in lines}) == 4
    status, said, _ = await command("audit", "--limit", "2")
    assert status == 0
    assert [line.split()[1] for line in said.splitlines()] == ["EVENT", "user_created", "session_expired"]
    assert other["userId"] in said
    assert person["email"] not in said


async def test_a_deleted_account_is_still_known_by_its_id(
    client: Client, application: Application, command: Command
) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    headers = {"Authorization": f"Bearer {tokens['idToken']}"}
    await client.http.delete("/auth/me", json={"password": person["password"]}, headers=headers)
    await application.audit.write()
    status, said, _ = await command("audit", "--user", person["userId"], "--json", "--since", "1h")
    assert status == 0
    newest = [json.loads(line)["event"] for line in said.splitlines()]
    assert newest[:2] == [Name.ENDED, Name.USER_DELETED]
    status, said, _ = await command("audit", "--user", person["email"], "--json")
    assert (status, said) == (1, "")  # nobody has this address any more


async def test_what_a_command_does_is_in_the_trail_when_it_ends(client: Client, command: Command) -> None:
    person = await client.sign_up()
    assert (await command("users", "disable", person["email"]))[0] == 0
    assert (await command("keys", "rotate", "--now"))[0] == 0
    _, said, _ = await command("audit", "--json")
    told = [(line["event"], line.get("reason")) for line in map(json.loads, said.splitlines())]
    assert ("user_updated", "disabled") in told
    assert ("sys_key_rotated", "at_once") in told


async def test_somebody_unknown_is_no_empty_answer(client: Client, application: Application, command: Command) -> None:
    for name in ("nobody@example.com", "00000000-0000-4000-8000-000000000000"):
        status, said, complaint = await command("audit", "--user", name)
        assert (status, said) == (1, "")
        assert "no account has this address or id" in complaint
    person = await client.sign_up()
    status, said, complaint = await command("audit", "--user", person["email"])  # known, but nothing is written yet
    assert (status, len(said.splitlines())) == (0, 1)
    assert "no event in this span" in complaint
    await client.post("/auth/login", {"email": "nobody@example.com", "password": "WrongPass1!"})
    await application.audit.write()
    status, said, _ = await command("audit", "--user", "nobody@example.com", "--json")
    assert (status, json.loads(said)["reason"]) == (0, "unknown_email")


async def test_what_an_operator_does_is_in_the_trail_under_their_name(
    client: Client, application: Application, command: Command
) -> None:
    person, other = await client.sign_up(), await client.sign_up()
    for one in (person, other):
        await client.log_in(one)
    [kid] = [line.split()[0] for line in (await command("keys", "list"))[1].splitlines() if " active " in line]
    assert (await command("audit", "--json"))[:2] == (0, "")
    await application.audit.write()
    _, said, _ = await command("audit", "--json")
    assert said
    assert [line for line in map(json.loads, said.splitlines()) if "operator" in line] == []
    for words in (
        ("sessions", "end", "--user", person["email"]),
        ("users", "disable", other["email"]),
        ("users", "enable", other["email"]),
        ("keys", "rotate", "--now"),
        ("keys", "retire", kid, "--now"),
        ("secrets", "rotate"),
        ("sessions", "end", "--all", "--yes"),
    ):
        status, _, complaint = await command(*words, TOKENHOUSE_OPERATOR="Ada \x1b[1m of the night shift")
        assert status == 0, complaint
    _, said, _ = await command("audit", "--json", "--limit", "1000")
    told = [line for line in map(json.loads, said.splitlines()) if "operator" in line]
    assert {line["operator"] for line in told} == {"Ada ?[1m of the night shift"}
    assert {(line["event"], line.get("reason")) for line in told} >= {
        ("session_expired", "by_operator"),
        ("session_expired", "account_disabled"),
        ("user_updated", "disabled"),
        ("user_updated", "enabled"),
        ("sys_key_rotated", "at_once"),
        ("sys_key_killed", None),
        ("sys_secret_rotated", None),
        ("session_expired", "everybody"),
    }
    _, said, _ = await command("audit", "--limit", "1")
    assert "Ada ?[1m of the night shift" in said
    await command("users", "disable", person["email"], TOKENHOUSE_OPERATOR="")
    _, said, _ = await command("audit", "--json", "--user", person["email"], "--limit", "1")
    assert json.loads(said)["operator"] == operator()
    assert operator().endswith(f"@{platform.node()}")


async def test_a_question_that_makes_no_sense_is_refused(command: Command) -> None:
    status, said, complaint = await command("audit", "--user", "neither")
    assert (status, said) == (78, "")
    assert "--user" in complaint
    status, _, complaint = await command("audit", TOKENHOUSE_AUDIT__ENABLED="false")
    assert status == 78
    assert "audit.enabled" in complaint


async def test_no_address_name_or_credential_is_in_the_trail(
    client: Client, application: Application, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person = await story(client)
    tokens = await client.log_in(person)
    await client.refresh(tokens)
    await client.post("/auth/login", {"email": "nobody@example.com", "password": "WrongPass1!"})
    await application.audit.write()
    kept = str(await database.fetch("SELECT * FROM audit_events"))
    assert str(UUID(person["userId"])) in kept
    for secret in (person["email"], person["password"], person["apiKey"], "nobody", "WrongPass1!", "Lovelace"):
        assert secret not in kept
    for token in tokens.values():
        assert token not in kept or token == person["firstName"]


async def test_who_gives_a_group_to_an_address_that_nobody_has_proved_is_warned(
    client: Client, command: Command, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person = await client.sign_up()
    warning = "tokenhouse: the address is not proved: whoever signed up may not own it\n"
    asked = "users", "groups", person["email"]
    assert await command(*asked, "+staff") == (0, "staff\n", warning)
    assert await command(*asked) == (0, "staff\n", "")
    assert await command(*asked, "-staff") == (0, "", "")
    await database.execute("UPDATE users SET email_verified_at = now()")
    assert await command(*asked, "+staff") == (0, "staff\n", "")


async def test_an_operator_changes_and_sees_the_groups_of_an_account(
    client: Client, application: Application, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await client.sign_up()
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", "grace@bastion")
    for changes, groups in ((["+staff", "+admins"], ["admins", "staff"]), (["-staff", "+b:2"], ["admins", "b:2"])):
        status, said, _ = await command("users", "groups", person["email"], *changes)
        assert (status, said.split()) == (0, groups)
    assert (await command("users", "groups", person["email"]))[:2] == (0, "admins\nb:2\n")
    many = [f"+g{number}" for number in range(99)]
    status, said, complaint = await command("users", "groups", person["email"], *many)
    assert (status, said) == (1, "")
    assert "at most 100" in complaint
    assert (await command("users", "groups", "nobody@example.com", "+a"))[0] == 1
    entries = [one.event for one in await application.audit.trail.latest(datetime.min.replace(tzinfo=UTC), 100)]
    told = [one for one in entries if one.reason == "groups_changed"]
    assert [(str(one.user_id), one.operator) for one in told] == [(person["userId"], "grace@bastion")] * 2
