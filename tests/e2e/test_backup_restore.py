"""The rehearsal of docs/operations.md, "Backup and restore": what comes back, what is lost, and what to do about it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.embedded import EmbeddedPostgres, EmbeddedRedis, binaries, socket_directory
from service.embedded.server import EmbeddedServer
from tests.conftest import ROOT, Client, Instances, bearer
from tests.support.databases import Command
from tests.support.resource_servers import claims
from tests.support.verifiers import refuses, verifier_of
from tests.support.waiting import until

QUIET = {"audit": {"enabled": False}}  # instances whose Postgres is gone must not try to write to it as they end
LEDGER = "SELECT entered_by::text::bigint FROM revocations WHERE session_id = $1"


@dataclass
class Site:
    """Stores of our own, a backup of them, and the place where they come back to life."""

    home: Path
    closing: ExitStack
    environment: pytest.MonkeyPatch  # of instances and commands
    postgres: EmbeddedPostgres = field(init=False)
    redis: EmbeddedRedis = field(init=False)

    def __post_init__(self) -> None:
        self.postgres = self._new_postgres("first")
        self.redis = self._new_redis("first")

    @property
    def dump(self) -> Path:
        return self.home / "tokenhouse.dump"

    @property
    def copy(self) -> Path:
        return self.home / "redis-copy"

    def back_up(self) -> None:
        run("pg_dump", "--format=custom", f"--file={self.dump}", self.postgres.url)
        shutil.copytree(self.redis.data, self.copy)

    def lose_postgres(self) -> None:
        """And restore it, from the dump, into a server that was never there before."""
        self.postgres.kill()
        self.postgres = self._new_postgres("second")
        rules = ("--exit-on-error", "--no-owner", "--no-privileges")
        run("pg_restore", *rules, f"--dbname={self.postgres.url}", str(self.dump))

    def lose_both(self) -> None:
        """Redis comes back with the copy of its append-only file."""
        self.redis.kill()
        self.lose_postgres()
        shutil.copytree(self.copy, self.home / "second-redis")
        self.redis = self._new_redis("second")

    def _new_postgres(self, name: str) -> EmbeddedPostgres:
        server = EmbeddedPostgres(self.home / f"{name}-pg", self._sockets(), fast=True)
        self._start(server)
        self.environment.setenv("TOKENHOUSE_DATABASE__URL", server.url)
        return server

    def _new_redis(self, name: str) -> EmbeddedRedis:
        server = EmbeddedRedis(self.home / f"{name}-redis", self._sockets())
        self._start(server)
        self.environment.setenv("TOKENHOUSE_REDIS__URL", server.url)
        return server

    def _sockets(self) -> Path:
        return self.closing.enter_context(socket_directory())

    def _start(self, server: EmbeddedServer) -> None:
        self.closing.callback(server.stop)
        server.start()


def run(program: str, *words: str) -> None:
    path = binaries.find_postgres() / program
    if not path.exists():
        pytest.skip(f"this Postgres comes without {program}")
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def site(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with ExitStack() as closing:
        yield Site(tmp_path, closing, monkeypatch)


@dataclass
class Story:
    person: dict[str, Any]
    over_before: dict[str, Any]  # logged out before the backup
    over_after: dict[str, Any]  # logged out after it
    live: dict[str, Any]  # logged in before it
    newcomer: dict[str, Any]  # signed up after it
    late: dict[str, Any]  # a login after it, signed with a key that was not active then


async def story(site: Site, instances: Instances, command: Command) -> Story:
    (client,) = await instances(1, **QUIET)
    person = await client.sign_up()
    over_before, over_after, live = [await client.log_in(person) for _ in range(3)]
    assert (await client.log_out(over_before)).status == 200
    site.back_up()
    assert (await client.log_out(over_after)).status == 200
    newcomer = await client.sign_up()
    assert (await command("keys", "rotate", "--now"))[0] == 0
    (another,) = await instances(1, **QUIET)
    return Story(person, over_before, over_after, live, newcomer, await another.log_in(person))


async def is_alive(client: Client, tokens: dict[str, Any]) -> tuple[bool, bool]:
    """Whether its id token, and whether its refresh token is good."""
    said = [await client.me(tokens), await client.refresh(tokens)]
    assert {one.status for one in said} <= {200, 401}
    return said[0].status == 200, said[1].status == 200


async def test_both_stores_come_back_as_they_were_and_all_sessions_can_be_ended(
    site: Site, instances: Instances, command: Command
) -> None:
    told = await story(site, instances, command)
    site.lose_both()
    (client,) = await instances(1, **QUIET)

    assert (await client.log_in(told.person))["apiKey"] == told.person["apiKey"]
    assert await is_alive(client, told.live) == (True, True)
    assert await is_alive(client, told.over_before) == (False, False)

    unknown = {name: told.newcomer[name] for name in ("email", "password")}
    assert (await client.post("/auth/login", unknown)).status == 401  # what came after the backup is lost
    assert await is_alive(client, told.late) == (True, False)
    assert await is_alive(client, told.over_after) == (True, True)  # ... a logout too: hence the next command

    status, said, _ = await command("sessions", "end", "--all", "--yes")
    assert (status, said.startswith("ended: ")) == (0, True)
    (fresh,) = await instances(1, **QUIET)
    for one in (client, fresh):
        for tokens in (told.live, told.over_before, told.over_after, told.late):
            assert await is_alive(one, tokens) == (False, False)
        again = await one.log_in(told.person)
        assert await is_alive(one, again) == (True, True)
    assert (await client.get("/auth/me", **{"x-api-key": told.person["apiKey"]})).status == 200


async def test_where_redis_survives_it_still_knows_what_postgres_forgot(
    site: Site, instances: Instances, command: Command
) -> None:
    told = await story(site, instances, command)
    site.lose_postgres()
    (client,) = await instances(1, **QUIET)
    for tokens in (told.over_before, told.over_after):
        assert await is_alive(client, tokens) == (False, False)
    for tokens in (told.live, told.late):
        assert await is_alive(client, tokens) == (True, True)


async def test_sessions_of_one_account_are_ended_by_command(instances: Instances, command: Command) -> None:
    (client,) = await instances(1, **QUIET)
    ada, bob = await client.sign_up(), await client.sign_up()
    hers, his = await client.log_in(ada), await client.log_in(bob)
    status, said, _ = await command("sessions", "end", "--user", ada["email"].upper())
    assert (status, said) == (0, "ended: 1 sessions\n")
    assert await is_alive(client, hers) == (False, False)
    assert await is_alive(client, his) == (True, True)
    assert await is_alive(client, await client.log_in(ada)) == (True, True)
    status, said, complaint = await command("sessions", "end", "--user", "nobody@example.com", "--json")
    assert (status, said, complaint) == (1, "", "tokenhouse: no account has this address or id\n")


async def test_the_page_s_sql_puts_api_keys_out_of_use(
    instances: Instances, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    every, one = re.findall(r"^ *```sql\n(.+?)```", page, re.MULTILINE | re.DOTALL)
    (client,) = await instances(1)
    ada, bob = await client.sign_up(email="ada@example.com"), await client.sign_up()

    async def opens(key: str) -> bool:
        return (await client.get("/auth/me", **{"x-api-key": key})).status == 200

    await database.execute(one)
    assert [await opens(person["apiKey"]) for person in (ada, bob)] == [False, True]
    fresh = await client.post("/auth/api-key", {}, **bearer(await client.log_in(ada)))
    key = (await fresh.json())["apiKey"]
    assert await opens(key)
    await database.execute(every)
    assert [await opens(one) for one in (key, bob["apiKey"])] == [False, False]


async def test_a_verifier_misses_nothing_when_postgres_goes_back_and_its_numbers_catch_up(
    site: Site, instances: Instances
) -> None:
    """A restored server counts its transactions from the beginning, and passes the place where the verifier stands."""
    (client,) = await instances(1, **QUIET)
    person = await client.sign_up()
    await spend_transactions(site, 1000)
    site.back_up()
    async with verifier_of(client) as verifier:  # it polls now, and then only when it is told to
        spent = await spend_transactions(site, 1)
        site.lose_postgres()
        (client,) = await instances(1, **QUIET)
        tokens = await client.log_in(person)
        assert (await client.log_out(tokens)).status == 200
        connection = await asyncpg.connect(site.postgres.url)
        entered = await connection.fetchval(LEDGER, claims(tokens["idToken"])["origin_jti"])
        await connection.close()
        assert entered < spent
        assert await spend_transactions(site, 1000) > spent
        verifier._base_url = f"http://127.0.0.1:{client.port}"
        assert not refuses(verifier, tokens["idToken"])

        async def has_learned() -> bool:
            await verifier.refresh()
            return refuses(verifier, tokens["idToken"])

        await until(has_learned)


async def spend_transactions(site: Site, count: int) -> int:
    """The number of the last one."""
    connection = await asyncpg.connect(site.postgres.url)
    for _ in range(count):
        number = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await connection.close()
    return int(number)
