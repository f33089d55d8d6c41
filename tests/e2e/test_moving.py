"""Accounts that move in and out by command, on a real Postgres."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from service.embedded import Stores
from tests.conftest import ROOT, Client, Instances
from tests.support import foreign_vectors as vectors
from tests.support.databases import Command, role
from tests.support.moving import ID, lines
from tests.support.processes import CHILD, of, running
from tests.support.waiting import PATIENCE

Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PHC = "$pbkdf2-sha256$i=1000$c2FsdFNhbHQxMjM0NTY3ODkwYWJjZA$ByL1PtTJZmHi1Jtb55NZvJaHzDMjpymQkpJHTg8iOns"  # of Django's
MANY = 20_000
TOLD = "SELECT count(DISTINCT user_id) FROM audit_events WHERE name = 'user_created' AND reason = 'imported'"


async def test_everybody_is_moved_out_and_in_again(
    instances: Instances, database: Database, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    ada, eve = await client.sign_up(firstName="Äda"), await client.sign_up()
    first = tmp_path / "first.jsonl"
    first.write_bytes(lines({"id": ID, "email": "Old@example.com", "passwordHash": PHC, "groups": ["b", "a"]}))
    assert (await command("users", "import", str(first), "--format", "jsonl"))[0] == 0
    await command("users", "disable", eve["email"])
    before = await database.fetch("SELECT id, email, first_name, groups, disabled_at IS NULL FROM users ORDER BY id")
    status, exported, _ = await command("users", "export", "--with-hashes")
    assert status == 0
    await database.execute("TRUNCATE users CASCADE")
    second = tmp_path / "second.jsonl"
    second.write_text(exported)
    status, said, _ = await command("users", "import", str(second), "--format", "jsonl")
    assert (status, said) == (0, "added: 3 (0 without a password), there already: 0, refused: 0\n")
    assert before == await database.fetch(
        "SELECT id, email, first_name, groups, disabled_at IS NULL FROM users ORDER BY id"
    )
    await client.log_in(ada)
    old = await client.log_in({"email": "old@EXAMPLE.com", "password": vectors.PASSWORD})
    assert (await (await client.me(old)).json())["userId"] == ID
    refused = await client.post("/auth/login", {"email": eve["email"], "password": eve["password"]})
    assert refused.status == 401


async def test_an_export_has_no_hashes_unless_asked_for_and_is_audited(
    instances: Instances, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    [client] = await instances(1)
    await client.sign_up()
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", "ada@bastion")
    _, exported, _ = await command("users", "export")
    [account] = map(json.loads, exported.splitlines())
    assert "passwordHash" not in account
    assert "$bcrypt" not in exported
    await command("users", "export", "--with-hashes")
    _, audited, _ = await command("audit", "--json")
    events = [json.loads(line) for line in audited.splitlines()]
    told = [(one.get("reason"), one["operator"]) for one in events if one["event"] == "users_exported"]
    assert told == [("with_hashes", "ada@bastion"), (None, "ada@bastion")]


async def test_an_import_killed_half_way_is_finished_by_running_it_again(
    embedded: Stores, instances: Instances, database: Database, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    file = tmp_path / "many.jsonl"
    people = ({"email": f"ada{number}@example.com", "passwordHash": PHC} for number in range(MANY))
    file.write_bytes(lines(*people))
    with running("users", "import", str(file), "--format", "jsonl", **of(embedded, 0)) as process:
        while not (there := await database.fetchval("SELECT count(*) FROM users")):
            assert process.poll() is None
            await asyncio.sleep(0.01)
        await client.log_in({"email": "ada0@example.com", "password": vectors.PASSWORD})  # meanwhile
        process.kill()
        await asyncio.to_thread(process.wait, PATIENCE)
    assert there < MANY
    there = await database.fetchval("SELECT count(*) FROM users")
    assert await database.fetchval(TOLD) == there
    status, said, _ = await command("users", "import", str(file), "--format", "jsonl")
    assert status == 0
    assert said.startswith(f"added: {MANY - there} (0 without a password), there already: {there}, refused: 0")
    assert await database.fetchval("SELECT count(*) FROM users") == MANY
    keys = await database.fetchval("SELECT count(DISTINCT api_key_digest) FROM users")
    assert keys == MANY
    assert await database.fetchval(TOLD) == await database.fetchval("SELECT count(*) FROM audit_events") == MANY


async def test_nobody_moves_in_of_whom_the_audit_trail_cannot_be_told(
    database: Database, redis: object, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "people"
    file.write_bytes(lines({"email": "ada@example.com"}))
    await database.execute("ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (reason <> 'imported') NOT VALID")
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await command("users", "import", str(file), "--format", "jsonl")
    finally:
        await database.execute("ALTER TABLE audit_events DROP CONSTRAINT full_up")
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    await command("users", "import", str(file), "--format", "jsonl")
    assert await database.fetchval(TOLD) == 1


async def test_two_imports_at_once_add_everybody_once(
    embedded: Stores, database: Database, redis: object, tmp_path: Path
) -> None:
    people = [{"email": f"ada{number}@example.com"} for number in range(5_000)]
    for name, order in (("one", people), ("other", people[::-1])):
        (tmp_path / name).write_bytes(lines(*order))
    added = 0
    with (
        running("users", "import", str(tmp_path / "one"), "--format", "jsonl", **of(embedded, 0)) as one,
        running("users", "import", str(tmp_path / "other"), "--format", "jsonl", **of(embedded, 0)) as other,
    ):
        for process in (one, other):
            said = (await asyncio.to_thread(process.communicate, timeout=PATIENCE))[0]
            assert process.returncode == 0, said
            added += int(said.split()[1])
    assert added == await database.fetchval("SELECT count(*) FROM users") == 5_000


# A process counts what its parent had when it was forked, so a small one stands between the test and the command.
BETWEEN = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "service", *sys.argv[1:]], stderr=subprocess.STDOUT)
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
raise SystemExit(done.returncode)
"""


def peak_of(embedded: Stores, content: Path, name: str) -> tuple[int, str]:
    """Exit status and output of an import, which may take 300 MB at the most."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOKENHOUSE_")}
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN, "users", "import", str(content), "--format", name],
        env=environment | {"PYTHONPATH": str(ROOT)} | CHILD | of(embedded, 0),
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    said, _, peak = done.stdout.rpartition("peak ")
    assert int(peak) < 300
    return done.returncode, said


@pytest.mark.parametrize(
    ("name", "around", "reason"),
    [
        ("jsonl", (b'{"email": "', b'"}\n{"email": "last@example.com"}\n'), "line 1: the line is longer than 1 MiB"),
        ("firebase", (b'{"users": [{"email": "', b'"}]}'), "nothing behind it is read"),
        ("keycloak", (b'{"realm": "', b'"}'), "nothing behind it is read"),
        ("cognito", (b"email,name\n", b"\n"), "nothing behind it is read"),
    ],
)
@pytest.mark.usefixtures("database")
def test_a_gigabyte_in_one_line_is_refused_within_memory(
    embedded: Stores, tmp_path: Path, name: str, around: tuple[bytes, bytes], reason: str
) -> None:
    file = tmp_path / "huge"
    with file.open("wb") as opened:
        opened.write(around[0])
        opened.seek(1 << 30)  # a hole, which is read as NULs
        opened.write(around[1])
    status, said = peak_of(embedded, file, name)
    assert status == 1
    assert reason in said
    assert ("added: 1" in said) == (name == "jsonl")


@pytest.mark.parametrize("name", ["jsonl", "keycloak"])
def test_what_grows_when_it_is_read_is_refused_within_memory(
    embedded: Stores, database: object, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "lists"
    many = b'{"a":[' + b"[]," * 300_000 + b"[]]}"
    file.write_bytes((many + b"\n") * 50 if name == "jsonl" else b'{"a":' + many + b',"users":[' + many + b"]}")
    status, said = peak_of(embedded, file, name)
    assert status == 1
    assert "no e-mail address" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("no such file", "--format", "jsonl"), "nothing is imported: no such file: No such file or directory\n"),
        (("/", "--format", "jsonl"), "nothing is imported: /: Is a directory\n"),
        (
            ("/dev/null", "--format", "firebase", "--firebase-key", "no such key"),
            "nothing is imported: no such key: No such file or directory\n",
        ),
        (("/dev/null", "--format", "jsonl", "--send-reset"), "--send-reset needs mail"),
        (("/dev/null", "--format", "firebase", "--firebase-key", "/dev/null"), "lacks base64_signer_key"),
    ],
)
async def test_an_import_that_cannot_begin_says_why(
    command: Command, redis: object, database: object, arguments: tuple[str, ...], reason: str
) -> None:
    status, said, complaint = await command("users", "import", *arguments)
    assert (status, said) == (1, "")
    assert reason in complaint
    assert complaint.count("\n") == 1


async def test_a_project_s_key_of_firebase_is_read_as_its_console_shows_it(
    instances: Instances, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    key, file = tmp_path / "key", tmp_path / "users.json"
    key.write_text(
        "hash_config {\n  algorithm: SCRYPT,\n"
        f"  base64_signer_key: {vectors.FIREBASE_SIGNER_KEY},\n"
        f"  base64_salt_separator: {vectors.FIREBASE_SEPARATOR},\n  rounds: 8,\n  mem_cost: 14,\n}}\n"
    )
    person: dict[str, Any] = {
        "email": "ada@example.com",
        "passwordHash": vectors.FIREBASE_HASH,
        "salt": vectors.FIREBASE_SALT,
    }
    file.write_text(json.dumps({"users": [person]}))
    status, _, _ = await command("users", "import", str(file), "--format", "firebase", "--firebase-key", str(key))
    assert status == 0
    await client.log_in({"email": "ada@example.com", "password": vectors.FIREBASE_PASSWORD})


def test_standard_input_is_read_to_its_end(embedded: Stores, database: object) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOKENHOUSE_")}
    done = subprocess.run(
        [sys.executable, "-m", "service", "users", "import", "-", "--format", "jsonl", "--dry-run"],
        env=environment | {"PYTHONPATH": str(ROOT)} | CHILD | of(embedded, 0),
        input=lines({"email": "ada@example.com"}),
        capture_output=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.decode() == "would be added: 1 (1 without a password), there already: 0, refused: 0\n"


async def test_an_account_of_another_client_is_left_as_it_is(
    instances: Instances, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    ada = await client.sign_up()
    file = tmp_path / "people"
    file.write_bytes(lines({"email": ada["email"], "passwordHash": PHC, "groups": ["admins"], "disabled": True}))
    status, said, _ = await command("users", "import", str(file), "--format", "jsonl")
    assert (status, said) == (0, "added: 0 (0 without a password), there already: 1, refused: 0\n")
    await client.log_in(ada)
    assert isinstance(client, Client)


async def test_accounts_move_with_the_rights_that_a_deployment_gives_the_service(
    embedded: Stores, database: Database, command: Command, redis: object, tmp_path: Path
) -> None:
    """No table may be made, not even a temporary one."""
    name = await database.fetchval("SELECT current_database()")
    file = tmp_path / "people"
    file.write_bytes(lines({"email": "ada@example.com", "passwordHash": PHC}))
    grant = (
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO limited;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited"
    )
    try:
        async with role(database, grant, embedded.postgres.url) as limited:
            urls = {"TOKENHOUSE_DATABASE__URL": limited, "TOKENHOUSE_DATABASE__MIGRATE_ON_START": "false"}
            status, said, _ = await command("users", "import", str(file), "--format", "jsonl", **urls)
            assert (status, said.startswith("added: 1 ")) == (0, True)
            assert "ada@example.com" in (await command("users", "export", **urls))[1]
            await database.execute(f"REVOKE CONNECT ON DATABASE {name} FROM limited")
    finally:
        await database.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC")


def test_an_export_that_nobody_reads_on_says_so(embedded: Stores, database: object, tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_bytes(lines(*({"email": f"ada{number}@example.com"} for number in range(3_000))))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOKENHOUSE_")}
    environment |= {"PYTHONPATH": str(ROOT)} | CHILD | of(embedded, 0)
    tokenhouse = [sys.executable, "-m", "service", "users"]
    subprocess.run([*tokenhouse, "import", str(file), "--format", "jsonl"], env=environment, check=True, cwd="/")
    with subprocess.Popen(
        [*tokenhouse, "export"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith('{"id": ')
        process.stdout.close()
        said = process.stderr.read()
    assert said == "tokenhouse: the export is cut off: Broken pipe\n"
    assert process.returncode == 1


async def test_an_address_that_its_owner_can_take_back_is_refused(
    instances: Instances, database: Database, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    ada = await client.sign_up()
    await database.execute(
        "INSERT INTO email_changes (id, user_id, email, canonical_email, was_verified, requested_at, changed_at, undo_until)"
        " VALUES (gen_random_uuid(), $1, 'old@example.com', 'old@example.com', true, now(), now(), now() + interval '1 day')",
        ada["userId"],
    )
    file = tmp_path / "people"
    file.write_bytes(lines({"email": "old@example.com"}, {"email": "new@example.com"}))
    status, said, complaint = await command("users", "import", str(file), "--format", "jsonl")
    assert (status, said.startswith("added: 1 ")) == (1, True)
    assert "line 1: its address was given up lately" in complaint


async def everything(database: Database) -> dict[str, list[Any]]:
    """But `longest_lives`, where each command that opens the stores notes its settings."""
    tables = await database.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname <> 'longest_lives' AND relnamespace = 'public'::regnamespace"
    )
    found = {}
    for table in sorted(row["relname"] for row in tables):
        found[table] = [str(row) for row in await database.fetch(f"SELECT * FROM {table} AS one ORDER BY one::text")]  # noqa: S608 - of the catalogue
    return found


async def test_a_dry_run_writes_nothing_and_says_what_the_real_run_then_says(
    instances: Instances, database: Database, command: Command, tmp_path: Path
) -> None:
    [client] = await instances(1)
    ada = await client.sign_up()
    await database.execute(
        "INSERT INTO email_changes (id, user_id, email, canonical_email, was_verified, requested_at, changed_at, undo_until)"
        " VALUES (gen_random_uuid(), $1, 'old@example.com', 'old@example.com', true, now(), now(), now() + interval '1 day')",
        ada["userId"],
    )
    file = tmp_path / "people"
    people = [{"email": f"p{number}@example.com"} for number in range(1_500)]
    file.write_bytes(
        lines(
            {"id": ID, "email": "Eve@example.com", "passwordHash": PHC},
            {"email": ada["email"].upper()},
            {"email": ada["email"]},
            {"email": "old@example.com"},
            {"email": "bad", "id": ID},
            *people,
            {"email": "P3@example.com"},
            {"id": ID, "email": "eve@example.com"},
            {"id": ID, "email": "Eve@example.com"},
            {"id": ID, "email": "other@example.com"},
        )
    )
    words = ("users", "import", str(file), "--format", "jsonl", "--send-reset")
    mail = {"TOKENHOUSE_MAIL__URL": "smtp://127.0.0.1:1", "TOKENHOUSE_MAIL__SENDER": "a@example.com"}
    before = await everything(database)
    status, said, complaint = await command(*words, "--dry-run", **mail)
    assert await everything(database) == before
    assert (status, said) == (1, "would be added: 1501 (1500 without a password), there already: 2, refused: 6\n")
    real = await command(*words, **mail)
    assert real == (status, said.replace("would be added", "added"), complaint)
    assert await database.fetchval("SELECT count(*) FROM mails") == 1_500
    assert await database.fetchval(TOLD) == 1_501


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, True), (0o604, True)])
def test_whoever_may_read_an_export_with_hashes_is_mentioned(
    embedded: Stores, database: object, tmp_path: Path, *, mode: int, is_told: bool
) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOKENHOUSE_")}
    environment |= {"PYTHONPATH": str(ROOT)} | CHILD | of(embedded, 0)
    file = tmp_path / "accounts.jsonl"
    file.touch()
    file.chmod(mode)
    for options in (["--with-hashes"], []):
        with file.open("w") as opened:
            done = subprocess.run(
                [sys.executable, "-m", "service", "users", "export", *options],
                env=environment,
                stdout=opened,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
                cwd="/",
            )
        assert ("others on this machine" in done.stderr) == (is_told and bool(options))
        assert file.stat().st_mode & 0o777 == mode
