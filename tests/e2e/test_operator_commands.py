"""Every command: who is named for what it changed, what it says as JSON, and how it asks."""

import argparse
import json
import os
import pty
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from service.__main__ import command_line
from service.embedded import Stores
from tests.conftest import ROOT, Instances
from tests.e2e.test_operators import LIMIT
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.databases import Command, role
from tests.support.processes import CHILD, of
from tests.support.waiting import PATIENCE

WHO = "grace@bastion"
NEW = "grace@example.com"
OTHER = "Another-Pass2!"
Words = tuple[str, ...]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

READING: set[Words] = {
    ("users", "list"),
    ("users", "show"),
    ("invitations", "list"),
    ("limits", "show"),
    ("sessions", "list"),
    ("audit",),
    ("doctor",),
    ("keys", "list"),
    ("admin-tokens", "list"),
    ("admins", "list"),
    ("webhooks", "list"),
    ("completion",),
}
# They change nothing that is kept: a mail or a message of a test, a credential that the settings are given.
KEEPING_NOTHING: set[Words] = {("serve",), ("migrate",), ("clients", "new"), ("mail", "test"), ("webhooks", "test")}
# What is typed after the command; {name} is filled in by `ground`.
WRITING: Mapping[Words, str] = {
    ("users", "create"): NEW,
    ("users", "set-password"): "{email} --yes",
    ("users", "unlock"): "{email}",
    ("users", "delete"): "{email} --yes",
    ("users", "disable"): "{email}",
    ("users", "enable"): "{id}",
    ("users", "factors"): "{email} --remove",
    ("users", "import"): "{users} --format jsonl",
    ("users", "export"): "",
    ("users", "groups"): "{email} +admins",
    ("users", "claims"): "{email} team=platform",
    ("invitations", "new"): f"{NEW} --mail",
    ("invitations", "send"): "{invitation}",
    ("invitations", "end"): "{invitation}",
    ("limits", "clear"): "{email}",
    ("seed",): "{seed}",
    ("sessions", "end"): "--user {email}",
    ("keys", "rotate"): "--now",
    ("keys", "retire"): "{key}",
    ("admin-tokens", "new"): "support --scope users:read",
    ("admin-tokens", "end"): "program",
    ("admins", "grant"): "{email}",
    ("admins", "revoke"): "{admin}",
    ("secrets", "rotate"): "",
    ("srp", "remove"): "",
    ("webhooks", "retry"): "{delivery}",
}
AS_JSON = [words for words in WRITING if words[0] in ("users", "sessions", "limits", "invitations", "seed", "webhooks")]
PLAIN: set[Words] = {("users", "import"), ("users", "export")}  # the one is a report, the other JSON always


def leaves(parser: argparse.ArgumentParser, words: Words = ()) -> Iterator[tuple[Words, argparse.ArgumentParser]]:
    within = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not within:
        yield words, parser
    for one in within:
        for name, inner in one.choices.items():
            if (*words, name) != ("dev",):  # the same ones again
                yield from leaves(inner, (*words, name))


COMMANDS = dict(leaves(command_line()))


def test_every_command_writes_or_reads() -> None:
    assert {*COMMANDS} == {*WRITING} | READING | KEEPING_NOTHING


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_takes_a_password_on_its_line(words: Words) -> None:
    """Others on the machine see it there."""
    options = " ".join(name for one in COMMANDS[words]._actions for name in (*one.option_strings, one.dest))
    assert not re.search(r"password\b(?!_hash)|passphrase|secret", options)


Ground = Callable[[Words], Words]


@pytest.fixture
async def ground(
    instances: Instances, command: Command, database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    """Fills in what a command is to be told, of an account with everything."""
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", "setup")
    monkeypatch.setenv("TOKENHOUSE_MAIL__URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("TOKENHOUSE_MAIL__SENDER", "Tokenhouse <tokenhouse@example.com>")
    monkeypatch.setenv("TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS", "4")
    (client,) = await instances(1)
    person = await client.sign_up()
    tokens = await client.log_in(person)
    await second.enrol(client, person, tokens, datetime.now(UTC), 0)
    invitation = json.loads((await command("invitations", "new", "late@example.com", "--mail", "--json"))[1])
    await command("admin-tokens", "new", "program", "--scope", "users:read")
    admin = await client.sign_up()
    await command("admins", "grant", admin["email"])
    await database.execute("INSERT INTO webhook_cursors (endpoint, place, system) VALUES ('crm', '1', '')")
    filed = """
        INSERT INTO webhook_deliveries (id, endpoint, event_id, type, body, created_at, attempts, failed_at, last_reply)
        VALUES (gen_random_uuid(), 'crm', gen_random_uuid(), 'user.created', '{}', now(), 10, now(), '503') RETURNING id
    """
    (tmp_path / "seed.yaml").write_text(f"users: [{{email: {NEW}, password: {PASSWORD}}}]", encoding="utf-8")
    (tmp_path / "users.jsonl").write_text(json.dumps({"email": NEW}) + "\n", encoding="utf-8")
    active = await database.fetchval("SELECT kid FROM signing_keys WHERE activates_at IS NOT NULL")
    held = {
        "email": person["email"],
        "id": person["userId"],
        "admin": admin["email"],
        "invitation": invitation["id"],
        "delivery": str(await database.fetchval(filed)),
        "key": active,
        "seed": str(tmp_path / "seed.yaml"),
        "users": str(tmp_path / "users.jsonl"),
    }
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", WHO)
    return lambda words: (*words, *WRITING[words].format(**held).split())


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new password comes from standard input."""
    (tmp_path / "typed").write_text(f"{OTHER}\n", encoding="utf-8")
    with (tmp_path / "typed").open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield


async def by_operators(database: Connection) -> Sequence[asyncpg.Record]:
    return await database.fetch("SELECT name, reason, operator FROM audit_events WHERE operator = $1", WHO)


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
async def test_what_a_command_changes_is_in_the_audit_trail_with_its_operator(
    words: Words, ground: Ground, command: Command, database: Connection, typed: None
) -> None:
    status, said, complaint = await command(*ground(words))
    assert status == 0, complaint
    assert await by_operators(database), words
    logged = said + complaint
    assert OTHER not in logged
    assert PASSWORD not in logged


# --- shapes

DONE = {"id", "email", "done"}
INVITATION = {"id", "for", "mailed", "created_at", "expires_at"}
SECRET_INVITATION = INVITATION | {"link", "invitation"}
SHAPES: Mapping[Words, set[str]] = {
    ("users", "create"): DONE,
    ("users", "set-password"): DONE,
    ("users", "unlock"): DONE | {"cleared"},
    ("users", "delete"): DONE,
    ("users", "disable"): {"email", "is_known", "done"},
    ("users", "enable"): {"email", "is_known", "done"},
    ("users", "factors"): {"email", "is_known", "done"},
    ("users", "groups"): {"email", "groups"},
    ("users", "claims"): {"team"},
    ("invitations", "new"): INVITATION,
    ("invitations", "send"): INVITATION,
    ("invitations", "end"): {"id", "ended"},
    ("limits", "clear"): {"cleared"},
    ("seed",): {"opened", "present"},
    ("sessions", "end"): {"sessions"},
    ("webhooks", "retry"): {"retried"},
}
ACCOUNT = {"id", "email", "first_name", "last_name", "created_at", "email_verified", "disabled_at", "has_password"} | {
    *("password_elsewhere", "password_changed_at", "second_factor_since", "groups", "claims"),
}
LISTED: Mapping[str, set[str]] = {
    "users list": ACCOUNT,
    "users show {email}": ACCOUNT | {"passkeys", "sessions"},
    "users show {id}": ACCOUNT | {"passkeys", "sessions"},
    "users factors {id}": {"totp_since", "passkeys", "recovery_codes"},
    "invitations list": INVITATION,
    "sessions list {id}": {"session_id", "started_at", "last_used_at", "network", "client", "user_agent"},
    "webhooks list": {"id", "endpoint", "event_id", "type", "status", "attempts", "last_reply"}
    | {"created_at", "due_at", "failed_at"},
}


@pytest.mark.parametrize("words", AS_JSON, ids=" ".join)
async def test_what_a_command_did_is_told_as_json(words: Words, ground: Ground, command: Command, typed: None) -> None:
    if words in PLAIN:
        return
    status, said, complaint = await command(*ground(words), "--json")
    assert status == 0, complaint
    (line,) = said.splitlines()
    assert {*json.loads(line)} == SHAPES[words]


async def test_what_a_command_shows_is_told_as_json(ground: Ground, command: Command) -> None:
    email, user_id = ground(("users", "unlock"))[-1], ground(("users", "enable"))[-1]
    for words, shape in LISTED.items():
        status, said, complaint = await command(*words.format(email=email, id=user_id).split(), "--json")
        assert (status, bool(said)) == (0, True), (words, complaint)
        assert {frozenset(json.loads(line)) for line in said.splitlines()} == {frozenset(shape)}, words


def test_the_page_of_commands_tells_each_shape() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = re.finditer(r"^\| `([a-z -]+)` \| ((?:`\w+`(?:, )?)+) \|$", page, re.MULTILINE)
    told = {row[1]: {*re.findall(r"`(\w+)`", row[2])} for row in rows}
    wanted = {" ".join(words): shape for words, shape in SHAPES.items() if words != ("users", "claims")}
    wanted["users factors --remove"] = wanted.pop("users factors")
    wanted["limits show"] = LIMIT
    wanted["invitations new"] = SECRET_INVITATION
    wanted |= {re.sub(r" (--|\{).*", "", words): shape for words, shape in LISTED.items()}
    wanted["webhooks list"] = wanted["webhooks list"] | {"delivered_at"}
    assert told == wanted


async def test_an_invitation_that_is_not_mailed_is_told_with_its_secret(command: Command, ground: Ground) -> None:
    status, said, _ = await command("invitations", "new", NEW, "--json")
    assert (status, {*json.loads(said)}) == (0, SECRET_INVITATION)


async def test_invitations_are_listed_and_one_that_is_over_is_told_on_standard_error(
    command: Command, ground: Ground
) -> None:
    words = ground(("invitations", "end"))
    await command("invitations", "new")
    listed = (await command("invitations", "list"))[1].splitlines()
    assert [line.split("  ")[2:] for line in listed] == [["anybody"], ["late@example.com", "mailed"]]
    assert await command(*words) == (0, "ended\n", "")
    status, said, complaint = await command(*words)
    assert (status, said) == (1, "")
    assert "there is no such invitation" in complaint
    status, said, complaint = await command(*ground(("invitations", "send")))
    assert (status, said) == (1, "")
    assert "`tokenhouse invitations list` shows those that are good" in complaint


# --- who is meant, and outages


@pytest.mark.parametrize("words", ["disable", "enable", "factors", "groups", "claims"])
async def test_an_account_is_named_by_its_id_too(words: str, ground: Ground, command: Command) -> None:
    user_id = ground(("users", "enable"))[-1]
    assert (await command("users", words, user_id))[0] == 0
    for nobody in ("4b1b8ea2-b30a-4e2e-9d55-0123456789ab", "nobody", "nobody@example.com"):
        status, said, complaint = await command("users", words, nobody)
        assert (status, said, complaint) == (1, "", "tokenhouse: no account has this address or id\n")


@pytest.mark.parametrize(
    "words", [("users", "list"), ("users", "create"), ("invitations", "new"), ("seed",)], ids=" ".join
)
@pytest.mark.usefixtures("typed")
async def test_a_role_without_rights_is_told_in_one_line(
    words: Words, ground: Ground, command: Command, database: Connection, embedded: Stores
) -> None:
    told = ground(words) if words in WRITING else words
    async with role(database, "", embedded.postgres.url) as url:
        status, said, complaint = await command(*told, TOKENHOUSE_DATABASE__URL=url)
    assert (status != 0, said, complaint.count("\n")) == (True, "", 1)
    assert "grant it" in complaint


# --- at a terminal


def at_a_terminal(words: Sequence[str], told: Mapping[str, str], answers: Mapping[str, str]) -> tuple[int, str]:
    """The exit status, and what was shown; each answer is typed once, when its question is there."""
    child, terminal = pty.fork()
    if child == 0:
        signal.alarm(int(PATIENCE))  # which the command inherits
        os.chdir("/")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENHOUSE_")}
        environment = kept | {"PYTHONPATH": str(ROOT)} | CHILD | {**told}
        os.execve(  # noqa: S606 - no shell is wanted
            sys.executable, [sys.executable, "-m", "service", *words], environment
        )
    shown, left = "", list(answers.items())
    try:
        while True:
            try:
                shown += os.read(terminal, 1_000).decode()
            except OSError:  # its end
                break
            if left and left[0][0] in shown:
                os.write(terminal, left.pop(0)[1].encode())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown
    finally:
        os.close(terminal)


ASKED: Any = [
    (
        {"yes to go on": "yes\n", "Password: ": f"{OTHER}\n", "The same again: ": f"{OTHER}\n"},
        0,
        "every session is over",
    ),
    ({"yes to go on": "no\n"}, 1, "nothing was done"),
    ({"yes to go on": "\x03"}, 130, ""),
    ({"yes to go on": "\x04"}, 1, "nothing was done"),
    ({"yes to go on": "yes\n", "Password: ": "\x03"}, 130, ""),
    ({"yes to go on": "yes\n", "Password: ": "\x04"}, 1, "no password was typed"),
    ({"yes to go on": "yes\n", "Password: ": f"{OTHER}\n", "The same again: ": "Other-Pass3!\n"}, 1, "not the same"),
]


@pytest.mark.parametrize("asked", ASKED)
async def test_a_person_at_a_terminal_is_asked_and_can_leave_at_once(
    asked: tuple[Mapping[str, str], int, str], ground: Ground, embedded: Stores, database: Connection
) -> None:
    answers, status, said = asked
    before = await database.fetchval("SELECT max(password_hash) FROM users")
    told = of(embedded, 0, TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS="4")
    words = ["users", "set-password", ground(("users", "unlock"))[-1]]
    got, shown = at_a_terminal(words, told, answers)
    assert got == status, shown
    assert said in shown
    assert "Traceback" not in shown
    assert OTHER not in shown
    after = await database.fetchval("SELECT max(password_hash) FROM users")
    assert (after != before) is (status == 0)
