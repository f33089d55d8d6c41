"""What no waiting mends ends the start in one line, and is a finding of `tokenhouse doctor`."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import EmbeddedPostgres, EmbeddedRedis, Stores, socket_directory
from service.stores.migrations import migrate
from tests.conftest import Instances
from tests.support.certificates import make_certificate
from tests.support.databases import Command, empty_database, role
from tests.support.ports import free_port
from tests.support.processes import of, running
from tests.support.waiting import PATIENCE

Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SETTING, REDIS_SETTING = "TOKENHOUSE_DATABASE__URL", "TOKENHOUSE_REDIS__URL"
NO_MIGRATION = {"TOKENHOUSE_DATABASE__MIGRATE_ON_START": "false"}


async def ends_with(command: Command, said: str, **environment: str) -> None:
    """Opening the stores, as each start does, ends in one line with status 78; the doctor finds the same."""
    status, _, complaint = await command("keys", "list", **environment)
    assert status == 78, complaint
    assert re.fullmatch(r"tokenhouse: [^\n]+\n", complaint), complaint
    assert re.search(said, complaint), complaint
    status, told, complaint = await command("doctor", **environment)
    assert (status, complaint) in ((1, ""), (78, complaint))
    assert "Traceback" not in complaint
    assert any(line.startswith("problem") for line in told.splitlines()) or complaint.startswith("tokenhouse: ")
    assert re.search(said, told + complaint), told + complaint


async def problems(command: Command, **environment: str) -> dict[str, str]:
    _, told, complaint = await command("doctor", "--json", **environment)
    assert complaint == ""
    return {one["check"]: one["said"] for one in map(json.loads, told.splitlines()) if one["level"] == "problem"}


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres on a port, where TLS is spoken or not."""
    with socket_directory() as sockets:
        server = EmbeddedPostgres(tmp_path / "postgres", sockets, port=free_port(), fast=True)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def another_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with socket_directory() as sockets:
        server = EmbeddedRedis(tmp_path / "redis", sockets, port=free_port())
        server.start()
        yield server
        server.stop()


# --- URLs


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("channel_binding=require", "the option channel_binding: leave it out"),
        ("connect_timeout=10", "TOKENHOUSE_DATABASE__ACQUIRE_TIMEOUT"),
        ("schema=public", "search_path=NAME"),
        ("pgbouncer=true", "TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=0"),
        ("sslmode=verify-full", "add sslrootcert=FILE"),
        ("sslmode=bogus", "sslmode is one of"),
        ("sslmode=require&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem: No such file"),
        ("nobody_knows_this=1", r"an option \(nobody_knows_this\)"),
        ("timezone=Nowhere", r"an option \(TimeZone\)"),
        ("options=endpoint%3Dmine", "an option"),
        ("shared_buffers=1", r"an option \(shared_buffers\)"),
        ("target_session_attrs=read-only", "target_session_attrs is one of"),
        ("gsslib=bogus", "asyncpg refuses"),
        ("search_path=nowhere", "no schema of its search_path"),
    ],
)
async def test_an_option_of_postgres_url_that_cannot_work_is_named(
    command: Command, embedded: Stores, option: str, said: str
) -> None:
    url = f"{embedded.postgres.url}&{option}"
    await ends_with(command, f"{said}.*{SETTING}|{SETTING}.*{said}", TOKENHOUSE_DATABASE__URL=url, HOME="/nowhere")


@pytest.mark.parametrize(
    "option",
    [
        "application_name=mine",
        "target_session_attrs=any",
        "options=-c%20search_path%3Dpublic",
        "timezone=Pacific/Apia",
        "DateStyle=German",
        "IntervalStyle=sql_standard",
        "lc_messages=C",
    ],
)
async def test_a_harmless_option_of_postgres_url_changes_nothing(
    instances: Instances, embedded: Stores, option: str
) -> None:
    (client,) = await instances(1, database={"url": f"{embedded.postgres.url}&{option}"})
    person = await client.sign_up()
    tokens = await client.log_in(person)
    assert (await client.log_out(tokens)).status == 200
    assert (await client.me(tokens)).status == 401
    assert (await client.get("/readyz")).status == 200


async def test_tls_that_the_server_does_not_speak_is_named(command: Command, tcp: EmbeddedPostgres) -> None:
    await ends_with(command, f"{SETTING} asks for TLS", TOKENHOUSE_DATABASE__URL=f"{tcp.url}?sslmode=require")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("/tokenhouse?", "/nowhere?"), "the database that .* does not exist"),
        (("tokenhouse@", "nobody@"), "there is none of this name"),
    ],
)
async def test_a_database_or_role_that_does_not_exist_is_told(
    command: Command, tcp: EmbeddedPostgres, change: tuple[str, str], said: str
) -> None:
    await ends_with(command, said, TOKENHOUSE_DATABASE__URL=f"{tcp.url}?".replace(*change))


def ask_for_a_password(server: EmbeddedPostgres, name: str) -> None:
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"host all {name} all scram-sha-256\n{rules.read_text()}")


async def test_a_wrong_password_is_told_and_not_quoted(command: Command, tcp: EmbeddedPostgres) -> None:
    owner = await asyncpg.connect(tcp.url)
    await owner.execute("CREATE ROLE somebody LOGIN PASSWORD 'right'")
    ask_for_a_password(tcp, "somebody")
    await owner.execute("SELECT pg_reload_conf()")
    await owner.close()
    url = tcp.url.replace("tokenhouse@", "somebody:hushhush@")
    await ends_with(command, f"Postgres refuses the password in {SETTING}", TOKENHOUSE_DATABASE__URL=url)
    assert "hush" not in (await command("doctor"))[1]


def test_a_start_ends_instead_of_waiting(embedded: Stores, redis: object) -> None:
    url = f"{embedded.postgres.url}&nobody_knows_this=1"
    with running("serve", **of(embedded, free_port(), TOKENHOUSE_DATABASE__URL=url)) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 78, said
    assert f"an option (nobody_knows_this) of {SETTING}" in said
    assert "Traceback" not in said
    assert "waiting" not in said


# --- rights


async def test_a_role_that_may_make_no_tables_is_told_before_any_is_made(
    command: Command, embedded: Stores, redis: Redis
) -> None:
    async with empty_database(embedded) as url:
        owner = await asyncpg.connect(url)
        await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        async with role(owner, "", url) as limited:
            status, _, complaint = await command("keys", "list", TOKENHOUSE_DATABASE__URL=limited)
            assert (status, complaint.count("\n")) == (78, 1)
            assert "(schema public)" in complaint
            assert "MIGRATE_ON_START=false" in complaint
            assert (await command("migrate"))[0] == 78
            assert "Traceback" not in (await command("doctor"))[2]
        await owner.close()


async def test_a_role_that_may_make_no_tables_starts_on_a_schema_that_is_up_to_date(
    command: Command, embedded: Stores, database: Database, redis: Redis
) -> None:
    grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited"
    await database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    async with role(database, grant, embedded.postgres.url) as limited:
        assert (await command("keys", "list", TOKENHOUSE_DATABASE__URL=limited))[0] == 0


@pytest.mark.parametrize(
    ("table", "use"),
    [
        ("users", "UPDATE"),
        ("signing_keys", "SELECT"),
        ("audit_events", "INSERT"),
        ("revocations", "DELETE"),
        ("schema_migrations", "SELECT"),
    ],
)
async def test_a_right_on_a_table_that_is_missing_is_named(
    command: Command, embedded: Stores, database: Database, table: str, use: str
) -> None:
    rules = (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited;"
        f"REVOKE {use} ON {table} FROM limited"
    )
    async with role(database, rules, embedded.postgres.url) as limited:
        await ends_with(command, f"lacks {use} on {table}", TOKENHOUSE_DATABASE__URL=limited, **NO_MIGRATION)
        found = await problems(command)
        assert found["postgres.rights"] == f"the service's role lacks {use} on {table}"


async def test_a_right_that_is_taken_from_a_running_instance_makes_it_unready_and_calls_unavailable(
    instances: Instances, embedded: Stores, database: Database
) -> None:
    grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited"
    async with role(database, grant, embedded.postgres.url) as limited:
        (client,) = await instances(1, database={"url": limited, "migrate_on_start": False})
        person = await client.sign_up()
        await database.execute("REVOKE SELECT ON users FROM limited")
        answer = await client.post("/auth/login", {"email": person["email"], "password": person["password"]})
        assert answer.status == 503, await answer.text()
        answer = await client.get("/readyz")
        assert (answer.status, "lacks rights on a table" in await answer.text()) == (503, True)


# --- preconditions


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_hold_every_name_stops_the_start(
    command: Command, embedded: Stores, database: Database, redis: Redis, encoding: str
) -> None:
    await database.execute("DROP DATABASE IF EXISTS narrow WITH (FORCE)")
    await database.execute(f"CREATE DATABASE narrow ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        url = embedded.postgres.url.replace("/tokenhouse?", "/narrow?")
        await ends_with(command, f"the database is in {encoding}", TOKENHOUSE_DATABASE__URL=url)
        status, _, complaint = await command("migrate")
        assert (status, "ENCODING 'UTF8'" in complaint) == (78, True)
    finally:
        await database.execute("DROP DATABASE narrow WITH (FORCE)")


async def test_another_default_isolation_stops_the_start(
    command: Command, embedded: Stores, database: Database, redis: Redis
) -> None:
    url = f"{embedded.postgres.url}&default_transaction_isolation=serializable"
    await ends_with(command, "default_transaction_isolation is serializable", TOKENHOUSE_DATABASE__URL=url)


# --- Redis


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("nobody:hushhush", f"Redis refuses the user or the password in {REDIS_SETTING}"),
        ("noinfo:pw", r"may not do what it must \(info\)"),
        ("nohset:pw", "may not HSET, HSETNX"),
        ("nokeys:pw", "may not DEL, .*HSET"),
        ("noscripts:pw", "may not EVAL, EVALSHA"),
    ],
)
async def test_a_right_that_redis_withholds_is_named(
    command: Command, another_redis: EmbeddedRedis, database: Database, user: str, said: str
) -> None:
    async with Redis.from_url(another_redis.url) as admin:
        acl: Any = admin
        for name, *rules in (
            ("noinfo", "~th:*", "+@all", "-info"),
            ("nohset", "~th:*", "+@all", "-hset", "-hsetnx"),
            ("nokeys", "~other:*", "+@all"),
            ("noscripts", "~th:*", "+@all", "-@scripting"),
        ):
            await acl.execute_command("ACL", "SETUSER", name, "on", ">pw", *rules)
    url = another_redis.url.replace("redis://", f"redis://{user}@")
    status, _, complaint = await command(
        "users", "disable", "nobody@example.com", TOKENHOUSE_REDIS__URL=url, TOKENHOUSE_REDIS__CONNECT_TIMEOUT="10s"
    )
    assert (status, complaint.count("\n")) == (78, 1), complaint
    assert re.search(said, complaint), complaint
    found = await problems(command)
    assert any(re.search(said, one) for check, one in found.items() if check.startswith("redis")), found
    assert "hush" not in complaint + str(found)


async def test_a_password_that_redis_asks_for_is_told(
    command: Command, another_redis: EmbeddedRedis, database: Database
) -> None:
    async with Redis.from_url(another_redis.url) as admin:
        await admin.config_set("requirepass", "secret")
        status, _, complaint = await command(
            "users", "disable", "nobody@example.com", TOKENHOUSE_REDIS__URL=another_redis.url
        )
        await admin.config_set("requirepass", "")
    assert (status, complaint) == (
        78,
        f"tokenhouse: Redis asks for a password, and {REDIS_SETTING} has none: redis://user:password@host\n",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("/0", "/99"), "the database that .* does not exist there"),
        (("/0", "/0?client_name=two%20words"), "refuses client_name"),
        (("/0", "/0?db=x"), "a value that is none for the option db"),
        (("redis://", "redis+cluster://"), "no cluster stands at"),
        (("redis://", "redis+cluster://nobody:wrong@"), "refuses the user or the password"),
    ],
)
async def test_an_option_of_redis_url_that_cannot_work_is_told(
    command: Command, another_redis: EmbeddedRedis, database: Database, change: tuple[str, str], said: str
) -> None:
    url = another_redis.url.replace(*change)
    status, _, complaint = await command(
        "users", "disable", "nobody@example.com", TOKENHOUSE_REDIS__URL=url, TOKENHOUSE_REDIS__CONNECT_TIMEOUT="10s"
    )
    assert (status, complaint.count("\n")) == (78, 1), complaint
    assert re.search(said, complaint), complaint
    assert "Traceback" not in (await command("doctor"))[2]


@asynccontextmanager
async def impostor(chain: Path, key: Path, *, asked_for_tls: bytes = b"") -> AsyncIterator[int]:
    """Speaks TLS with this certificate and says nothing else: at once, or when it was asked to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if asked_for_tls:
                await reader.readexactly(8)
                writer.write(asked_for_tls)
                await writer.start_tls(context)
            await reader.read()
        writer.close()

    # Who is not asked speaks TLS from the first byte on: begun later, it could miss what the client has sent already.
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=None if asked_for_tls else context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A server's certificate and key, and the certificate of an authority that did not sign it."""
    for name in ("good", "other"):
        (tmp_path / name).mkdir()
    return *make_certificate(tmp_path / "good"), make_certificate(tmp_path / "other")[0]


async def test_a_certificate_of_redis_that_is_not_good_is_told(
    command: Command, database: Database, certificates: tuple[Path, Path, Path]
) -> None:
    chain, key, authority = certificates
    async with impostor(chain, key) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority}"
        status, _, complaint = await command(
            "users", "disable", "nobody@example.com", TOKENHOUSE_REDIS__URL=url, TOKENHOUSE_REDIS__CONNECT_TIMEOUT="10s"
        )
        assert (status, complaint.count("\n")) == (78, 1), complaint
        assert f"the certificate of the server at {REDIS_SETTING} is not good" in complaint
        assert "is not good" in (await problems(command))["redis"]


async def test_a_certificate_of_postgres_that_is_not_good_is_told(
    command: Command, certificates: tuple[Path, Path, Path]
) -> None:
    chain, key, authority = certificates
    async with impostor(chain, key, asked_for_tls=b"S") as port:
        url = f"postgresql://u:p@127.0.0.1:{port}/t?sslmode=verify-full&sslrootcert={authority}"
        await ends_with(command, f"certificate of the server at {SETTING} is not good", TOKENHOUSE_DATABASE__URL=url)


async def test_the_doctor_sends_no_dangerous_command_where_there_are_no_transactions(
    command: Command, another_redis: EmbeddedRedis, database: Database
) -> None:
    async with Redis.from_url(another_redis.url) as admin:
        acl: Any = admin
        await acl.execute_command("ACL", "SETUSER", "nomulti", "on", ">pw", "~th:*", "+@all", "-multi")
        await admin.set("mine", "still here")
        await command("doctor", TOKENHOUSE_REDIS__URL=another_redis.url.replace("redis://", "redis://nomulti:pw@"))
        assert await admin.get("mine") == b"still here"


# --- the doctor


async def test_the_doctor_makes_a_finding_of_whatever_a_store_does(
    command: Command, embedded: Stores, database: Database, redis: Redis
) -> None:
    async with empty_database(embedded) as url:
        await migrate(url)
        owner = await asyncpg.connect(url)
        await owner.execute("ALTER TABLE users RENAME COLUMN api_key_sealed TO something_else")
        found = await problems(command, TOKENHOUSE_DATABASE__URL=url)
        assert found["keys"] == "could not be looked at (UndefinedColumnError)"
        await owner.execute("DROP TABLE signing_keys; CREATE VIEW signing_keys AS SELECT 1 AS kid")
        assert "could not be looked at" in (await problems(command))["keys"]
        await owner.close()
    await redis.set("th:epoch", "x")
    await redis.delete("th:epoch")
    await redis.hset("th:epoch", "of", "another kind")
    assert "Traceback" not in (await command("doctor"))[2]
