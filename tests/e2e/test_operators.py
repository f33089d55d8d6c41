"""What operators do at the command, on real stores: accounts, sessions, limits, invitations."""

import io
import json
import sys
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.embedded import Stores
from tests.conftest import Client, Serve, real_settings
from tests.support.builders import PASSWORD, claims_of
from tests.support.databases import Command

ADA = "Ada@Example.com"
NEW = "Another-Pass2!"
WHO = "grace@bastion"
LIMIT = {"limit", "used", "quota", "is_full", "empty_in_seconds"}  # members of `limits show --json`


@pytest.fixture
async def application(embedded: Stores, redis: object, database: object) -> Any:
    """It limits this machine too, and gives id tokens the claim `team`."""
    settings = real_settings(embedded, throttle={"exempt": [], "login_lockout": 3}, tokens={"claims": ["team"]})
    application = build(settings, Ambient())
    await application.open()
    yield application
    await application.close()


@pytest.fixture
async def client(application: Application, serve: Serve) -> Client:
    return await serve(application)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What comes from standard input."""

    def give(text: str, *, is_terminal: bool = False) -> None:
        stream = io.StringIO(text)
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
        monkeypatch.setattr(sys, "stdin", stream)

    give("")
    return give


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", WHO)
    monkeypatch.setenv("TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS", "4")
    monkeypatch.setenv("TOKENHOUSE_THROTTLE__LOGIN_LOCKOUT", "3")


async def trail(application: Application) -> list[tuple[str, str]]:
    """The events of operators, the oldest first."""
    entries = await application.audit.trail.latest(datetime.min.replace(tzinfo=UTC), 100)
    return [(one.event.name, str(one.event.reason)) for one in reversed(entries) if one.event.operator == WHO]


async def created(command: Command, typed: Any, *words: str) -> dict[str, Any]:
    typed(f"{PASSWORD}\n")
    status, said, complaint = await command("users", "create", ADA, "--json", *words)
    assert status == 0, complaint
    return dict(json.loads(said))


async def test_an_account_is_opened_with_all_that_it_shall_have(
    client: Client, application: Application, command: Command, typed: Any
) -> None:
    words = ("--first-name", "Ada", "--last-name", "Lovelace", "--verified", "--group", "b", "--group", "a")
    made = await created(command, typed, *words, "--claim", "team=platform")
    tokens = await client.log_in({"email": ADA, "password": PASSWORD})
    claims = claims_of(tokens["idToken"])
    assert (claims["sub"], claims["email_verified"], claims["given_name"]) == (made["id"], True, "Ada")
    assert (claims["cognito:groups"], claims["team"]) == (["a", "b"], "platform")
    status, said, _ = await command("users", "show", ADA.lower(), "--json")
    shown = json.loads(said)
    assert (status, shown["id"], shown["groups"], shown["sessions"]) == (0, made["id"], ["a", "b"], 1)
    assert not [name for name in shown if "hash" in name or "key" in name.replace("passkeys", "")]
    assert await trail(application) == [("user_created", "by_operator")]


@pytest.mark.parametrize(
    "wrong",
    [
        ("nobody", PASSWORD, "e-mail address"),
        (ADA, "short", "password"),
        (ADA, "", "standard input"),
        (f"{ADA} --group a/b", PASSWORD, "groups"),
        (f"{ADA} --claim sub=x", PASSWORD, "claim"),
        (f"{ADA} --first-name \u202e", PASSWORD, "first_name"),
        (f"{ADA} --invite", "", "MAIL__URL"),
    ],
)
async def test_what_breaks_a_rule_opens_no_account(
    application: Application, command: Command, typed: Any, wrong: tuple[str, str, str]
) -> None:
    words, password, complaint = wrong
    typed(password)
    status, said, complained = await command("users", "create", *words.split(" "))
    assert (status != 0, said) == (True, "")
    assert complaint in complained
    assert not (await application.administration.users("", "", 10)).users


async def test_an_address_has_one_account(command: Command, typed: Any, application: Application) -> None:
    await created(command, typed)
    typed(PASSWORD)
    status, _, complaint = await command("users", "create", ADA.upper())
    assert (status, "has an account already" in complaint) == (1, True)


async def test_accounts_are_listed_by_the_beginning_of_their_address_page_by_page(
    client: Client, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.commands.user_accounts.PAGE", 2)
    for name in ("b1", "a2", "a1", "a3", "a4", "a5"):
        await client.sign_up(email=f"{name}@example.com")

    async def listed(*words: str) -> tuple[list[str], str]:
        status, said, complaint = await command("users", "list", *words, "--json")
        assert status == 0
        return [json.loads(line)["email"].partition("@")[0] for line in said.splitlines()], complaint

    assert await listed() == (["a1", "a2", "a3", "a4", "a5", "b1"], "")
    assert await listed("A") == (["a1", "a2", "a3", "a4", "a5"], "")
    few, complaint = await listed("a", "--limit", "3")
    assert (few, "--after a3@example.com" in complaint) == (["a1", "a2", "a3"], True)
    assert await listed("a", "--after", "a3@example.com") == (["a4", "a5"], "")
    assert "not verified" in (await command("users", "list"))[1]


async def test_another_password_ends_the_sessions_and_is_asked_about(
    client: Client, application: Application, command: Command, typed: Any
) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    asked = "users", "set-password", person["email"]
    typed(NEW)
    assert (await command(*asked))[0] == 2
    typed("no\n", is_terminal=True)
    assert (await command(*asked))[0] == 1
    typed("weak")
    assert (await command(*asked, "--yes"))[0] == 1
    assert (await client.me(tokens)).status == 200
    typed(f"{NEW}\n")
    status, said, _ = await command(*asked, "--yes", "--json")
    assert (status, json.loads(said)["id"]) == (0, person["userId"])
    assert (await client.me(tokens)).status == 401
    await client.log_in(person | {"password": NEW})
    assert (await client.post("/auth/login", {"email": person["email"], "password": PASSWORD})).status == 401
    assert await trail(application) == [("authn_password_change", "by_operator"), ("session_expired", "by_operator")]


async def test_who_has_proved_the_address_is_told_of_another_password(
    client: Client, command: Command, typed: Any, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    mail = {"TOKENHOUSE_MAIL__URL": "smtp://127.0.0.1:1", "TOKENHOUSE_MAIL__SENDER": "Tokenhouse <t@example.com>"}
    await created(command, typed, "--verified")
    person = await client.sign_up()
    for email in (ADA, person["email"]):
        typed(f"{NEW}\n")
        assert (await command("users", "set-password", email, "--yes", **mail))[0] == 0
    (told,) = await database.fetch("SELECT kind, recipient, facts FROM mails")
    assert (told["kind"], told["recipient"]) == ("notice", ADA)
    assert "by_operator" in str(told["facts"])
    assert NEW not in str(told["facts"])


async def test_an_account_is_deleted_after_a_question(
    client: Client, application: Application, command: Command, typed: Any
) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    assert (await command("users", "delete", person["userId"]))[0] == 2
    typed("no\n", is_terminal=True)
    assert (await command("users", "delete", person["userId"]))[0] == 1
    assert (await client.me(tokens)).status == 200
    typed("yes\n", is_terminal=True)
    assert (await command("users", "delete", person["userId"]))[:2] == (0, "deleted\n")
    assert (await client.me(tokens)).status == 401
    assert (await command("users", "delete", person["email"], "--yes"))[0] == 1
    assert await trail(application) == [("user_deleted", "by_operator"), ("session_expired", "by_operator")]


async def test_the_sessions_of_an_account_are_listed_the_oldest_first(client: Client, command: Command) -> None:
    person = await client.sign_up()
    login = {"email": person["email"], "password": person["password"]}
    for agent in ("first", "second\u202e"):
        await client.post("/auth/login", login, **{"User-Agent": agent})
    status, said, _ = await command("sessions", "list", person["email"], "--json")
    assert (status, [json.loads(line)["user_agent"][:6] for line in said.splitlines()]) == (0, ["first", "second"])
    plain = (await command("sessions", "list", person["userId"]))[1]
    assert plain.count("\n") == 2
    assert plain.replace("\n", "").isprintable()
    assert (await command("sessions", "list", "nobody@example.com"))[0] == 1


async def test_a_lockout_is_shown_and_cleared(client: Client, application: Application, command: Command) -> None:
    person = await client.sign_up()
    wrong = {"email": person["email"], "password": "WrongPass1!"}
    for _ in range(3):
        assert (await client.post("/auth/login", wrong)).status == 401
    right = {"email": person["email"], "password": person["password"]}
    assert (await client.post("/auth/login", right)).status == 429
    status, said, _ = await command("limits", "show", person["email"], "--source", "127.0.0.1", "--json")
    shown = {one["limit"]: one for one in map(json.loads, said.splitlines())}
    assert status == 0
    assert {frozenset(one) for one in shown.values()} == {frozenset(LIMIT)}
    assert (shown["login-in-a-row"]["used"], shown["login-in-a-row"]["is_full"]) == (3, True)
    assert (shown["login-account"]["used"], shown["login-account"]["quota"]) == (3, 10)
    assert (shown["login-source"]["used"], shown["login-pair"]["used"], shown["signup-source"]["used"]) == (3, 3, 1)
    assert 86_000 < shown["login-in-a-row"]["empty_in_seconds"] <= 86_400
    status, said, _ = await command("users", "unlock", person["email"], "--json")
    assert (status, json.loads(said)["cleared"]) == (0, 2)
    await client.log_in(person)
    assert await trail(application) == [("excess_rate_limit_exceeded", "limits_cleared")]
    assert (await command("limits", "show", person["email"]))[1] == ""


async def test_the_limits_of_a_source_are_cleared_and_no_others(client: Client, command: Command) -> None:
    person = await client.sign_up()
    for number in range(20):
        await client.post("/auth/login", {"email": f"nobody{number}@example.com", "password": "WrongPass1!"})
    login = {"email": person["email"], "password": person["password"]}
    assert (await client.post("/auth/login", login)).status == 429
    assert (await command("limits", "clear", "--source", "192.0.2.1"))[:2] == (0, "cleared: 0 limits\n")
    assert (await client.post("/auth/login", login)).status == 429
    assert (await command("limits", "clear", "--source", "::ffff:127.0.0.1"))[:2] == (0, "cleared: 2 limits\n")
    assert (await client.post("/auth/login", login)).status == 200
    assert (await command("limits", "clear"))[0] == 2


async def test_nobody_is_nobody(command: Command, application: Application) -> None:
    for words in (["users", "show"], ["users", "unlock"], ["limits", "show"], ["sessions", "list"]):
        for name in ("nobody@example.com", "4b1b8ea2-b30a-4e2e-9d55-0123456789ab", "nobody"):
            status, said, complaint = await command(*words, name)
            assert (status, said) == (1, "")
            assert "no account has this address or id" in complaint


async def test_an_operator_invites_lists_and_ends(client: Client, application: Application, command: Command) -> None:
    status, said, complaint = await command("invitations", "new", ADA, "--json")
    made = json.loads(said)
    assert (status, made["for"], "signup.mode is open" in complaint) == (0, ADA, True)
    await client.sign_up(email=ADA, invitation=made["invitation"])
    link = (await command("invitations", "new", TOKENHOUSE_SIGNUP__MODE="invited"))[1].strip()
    assert link.startswith("http://127.0.0.1:8080/sign-up?invitation=iv_")
    (one,) = (await command("invitations", "list", "--json"))[1].splitlines()
    assert json.loads(one)["for"] == "anybody"
    assert "iv_" not in one
    assert (await command("invitations", "end", json.loads(one)["id"]))[:2] == (0, "ended\n")
    assert (await command("invitations", "end", json.loads(one)["id"]))[0] == 1
    for words in ((ADA,), ("nobody",), ("new@example.com", "--mail")):
        assert (await command("invitations", "new", *words))[0] == 1
    assert (await command("invitations", "new", "--mail"))[0] == 2
    assert [reason for _, reason in await trail(application)] == [
        "invitation_created",
        "invitation_created",
        "invitation_ended",
    ]


async def test_claims_are_set_shown_and_removed(client: Client, application: Application, command: Command) -> None:
    person = await client.sign_up()
    asked = "users", "claims", person["email"]
    status, said, complaint = await command(
        *asked, "team=platform", 'tier={"a": [1]}', TOKENHOUSE_TOKENS__CLAIMS="team"
    )
    assert (status, json.loads(said)) == (0, {"team": "platform", "tier": {"a": [1]}})
    assert "no id token carries tier" in complaint
    assert claims_of((await client.log_in(person))["idToken"])["team"] == "platform"
    assert json.loads((await command(*asked, "-tier"))[1]) == {"team": "platform"}
    assert (await command(*asked, "sub=1"))[0] == 1
    assert (await command("users", "claims", "nobody@example.com", "a=1"))[0] == 1
    assert [reason for _, reason in await trail(application)] == ["claims_changed"] * 2
