"""Behind PgBouncer, which lends a connection for one transaction and then gives it to somebody else."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from service.embedded import EmbeddedPostgres, socket_directory
from service.embedded.identity import choose
from tests.conftest import Client, Instances
from tests.e2e.test_memory_loss import settles
from tests.support import programs
from tests.support.databases import Command
from tests.support.outages import Scene, all_unavailable, recovers
from tests.support.ports import free_port

# Three connections for two instances of up to ten each: whoever needs more than a transaction would be found out.
CONFIGURATION = """
[databases]
tokenhouse = host=127.0.0.1 port={behind} dbname=tokenhouse user=tokenhouse

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 3
max_client_conn = 200
server_login_retry = 0.2
"""


DURABLE = {"synchronous_commit": "on"}  # for a test kills it


@dataclass(frozen=True)
class Story:
    postgres: EmbeddedPostgres
    here: Client
    there: Client
    serving: Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with socket_directory() as sockets:
        server = EmbeddedPostgres(tmp_path / "postgres", sockets, port=free_port(), fast=True, options=DURABLE)
        server.start()
        yield server
        server.kill()


@pytest.fixture
async def between(postgres: EmbeddedPostgres, tmp_path: Path) -> tuple[str, Callable[[], Any]]:
    return bouncer(postgres, tmp_path, "transaction")


def bouncer(postgres: EmbeddedPostgres, tmp_path: Path, mode: str) -> tuple[str, Callable[[], Any]]:
    """The URL of a PgBouncer, and how to run it."""
    program = programs.find("pgbouncer", "--version", libraries=["libc-ares2"])
    port, home = free_port(), tmp_path / "pgbouncer"
    home.mkdir()
    configuration = home / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(behind=postgres.url.partition("127.0.0.1:")[2].partition("/")[0], port=port, mode=mode)
    )
    identity = choose(program, home)  # like Postgres, it does not run as root
    if identity is None:
        pytest.skip("nobody can run PgBouncer here")
    identity.own(home)
    command = identity.command([program, configuration], home, signal.SIGTERM)
    url = f"postgresql://tokenhouse@127.0.0.1:{port}/tokenhouse"
    return url, lambda: programs.serving(Path(command[0]), *command[1:], port=port, home=home)


@pytest.fixture
async def story(between: tuple[str, Callable[[], Any]], postgres: EmbeddedPostgres, instances: Instances) -> Story:
    url, serving = between
    async with serving():
        here, there = await instances(
            2, database={"url": url, "statement_cache_size": 0}, tokens={"algorithm": "ES256"}
        )
    return Story(postgres, here, there, serving)


async def test_the_whole_story_goes_through_pgbouncer(story: Story, redis: Redis) -> None:
    here, there = story.here, story.there
    async with story.serving():
        people = await asyncio.gather(*(client.sign_up() for client in (here, there) for _ in range(20)))
        tokens = await asyncio.gather(*(there.log_in(person) for person in people))
        for person, held in zip(people, tokens, strict=True):
            answer = await here.me(held)
            assert (answer.status, (await answer.json())["email"]) == (200, person["email"])
        over, live = tokens[0], tokens[1]
        assert (await here.log_out(over)).status == 200
        assert (await there.me(over)).status == 401
        assert (await there.refresh(live)).status == 200
        await redis.flushall()  # what was revoked comes back from Postgres, under a lock
        for client in (here, there):
            await settles(401, client.me, over)
            await settles(200, client.me, live)
        assert (await here.get("/readyz")).status == 200


async def statements(command: Command, url: str, cache: int) -> str:
    _, told, complaint = await command(
        "doctor", "--json", TOKENHOUSE_DATABASE__URL=url, TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=str(cache)
    )
    assert complaint == ""
    found = {one["check"]: one for one in map(json.loads, told.splitlines())}
    return str(found["postgres.statements"]["level"])


async def test_a_statement_cache_behind_a_pooler_that_forgets_statements_stops_the_start(
    between: tuple[str, Callable[[], Any]], command: Command, redis: Redis
) -> None:
    url, serving = between
    async with serving():
        status, _, complaint = await command("keys", "list", TOKENHOUSE_DATABASE__URL=url)
        assert (status, complaint.count("\n")) == (78, 1), complaint
        assert "set TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE=0" in complaint
        assert await statements(command, url, 100) == "problem"
        assert await statements(command, url, 0) == "ok"
        assert (await command("keys", "list"))[0] == 0


async def test_a_pooler_that_keeps_statements_is_all_right(
    postgres: EmbeddedPostgres, tmp_path: Path, command: Command, redis: Redis
) -> None:
    url, serving = bouncer(postgres, tmp_path, "session")
    async with serving():
        assert (await command("keys", "list", TOKENHOUSE_DATABASE__URL=url))[0] == 0
        assert await statements(command, url, 100) == "ok"


async def test_an_option_that_pgbouncer_does_not_pass_on_is_told(
    between: tuple[str, Callable[[], Any]], command: Command
) -> None:
    url, serving = between
    async with serving():
        status, _, complaint = await command(
            "keys",
            "list",
            TOKENHOUSE_DATABASE__URL=f"{url}?statement_timeout=5000",
            TOKENHOUSE_DATABASE__STATEMENT_CACHE_SIZE="0",
        )
        assert (status, complaint.count("\n")) == (78, 1), complaint
        assert "PgBouncer refuses an option (statement_timeout)" in complaint


@pytest.mark.faults
async def test_pgbouncer_may_end_and_come_back(story: Story) -> None:
    async with story.serving():
        scene = await logged_in(story)
    await all_unavailable(scene, "login", "me", "refresh", "log out")
    async with story.serving():
        await recovers(scene)


@pytest.mark.faults
async def test_postgres_may_end_and_come_back_behind_pgbouncer(story: Story) -> None:
    async with story.serving():
        scene = await logged_in(story)
        story.postgres.kill()
        await all_unavailable(scene, "login", "me", "refresh", "log out")
        story.postgres.start()
        await recovers(scene)


async def logged_in(story: Story) -> Scene:
    person = await story.here.sign_up()
    live, spare = [await story.here.log_in(person) for _ in range(2)]
    return Scene(story.postgres, None, story.here, person, live, spare)  # type: ignore[arg-type] # Redis does not fail here
