"""`tokenhouse doctor` on real stores: good ones, bad ones, absent ones."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from service.doctor.finding import counted
from service.embedded import EmbeddedRedis, Stores, socket_directory
from tests.conftest import ROOT, Instances
from tests.support.builders import SECRET
from tests.support.databases import Command, empty_database
from tests.support.deployments import clustered, watched
from tests.support.ports import free_port
from tests.support.processes import of, running, stop, wait_for

NOWHERE = "127.0.0.1:1"
DURABLE = {"TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "12"}


async def findings(command: Command, *, status: int, **environment: str) -> dict[str, dict[str, Any]]:
    said = await command("doctor", "--json", **environment)
    assert said[0] == status, said
    return {one["check"]: one for one in map(json.loads, said[1].splitlines())}


@pytest.fixture
def another_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with socket_directory() as sockets:
        server = EmbeddedRedis(tmp_path / "redis", sockets, options={"appendonly": "no", "maxmemory": "64mb"})
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def served(instances: Instances, database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Somebody has signed up, so there are keys and something sealed."""
    (client,) = await instances(1)
    await client.sign_up()


@pytest.mark.usefixtures("served")
async def test_every_check_is_a_line_that_says_what_to_do(command: Command, embedded: Stores) -> None:
    status, said, complaint = await command("doctor", **DURABLE)
    *lines, last = said.splitlines()
    assert complaint == ""
    assert all(re.match(r"(ok|warning|problem) +[a-z. ]+  \S", line) for line in lines), said
    assert len(lines) >= 20
    grave = [line for line in lines if line.startswith("problem")]
    assert [line.split()[1] for line in grave] == ["postgres.durable"]  # the tests' own Postgres is fast and forgetful
    assert (status, last) == (1, f"1 problem, {counted(sum(line.startswith('warning') for line in lines), 'warning')}")
    assert SECRET not in said


@pytest.mark.usefixtures("served")
async def test_a_deployment_in_order_is_all_ok(command: Command, embedded: Stores) -> None:
    found = await findings(command, status=1, **DURABLE)
    for check in (
        "postgres",
        "postgres.schema",
        "postgres.clock",
        "keys.active",
        "keys.next",
        "secret",
        "passkeys",
        "srp",
        "redis",
        "redis.policy",
        "redis.persistence",
        "redis.disk",
        "redis.clock",
        "redis.denylist",
    ):
        assert found[check]["level"] == "ok", found[check]
    assert "appendfsync everysec" in found["redis.persistence"]["said"]
    assert found["secret"]["said"] == "opens what is sealed (2 signing keys and 1 API key looked at)"
    assert found["redis.user"]["said"] == "the service's user may CONFIG SET, FLUSHALL"
    assert found["postgres.role"]["said"] == "the service is a superuser"


async def test_it_changes_nothing(command: Command, redis: Redis, embedded: Stores) -> None:
    async with empty_database(embedded) as url:
        await redis.set("mine", "still here", px=60_000)
        found = await findings(command, status=1, **DURABLE, TOKENHOUSE_DATABASE__URL=url)
        assert (found["postgres.schema"]["level"], found["keys"]["level"]) == ("warning", "warning")
        assert await redis.keys() == [b"mine"]
        assert (await redis.config_get("maxmemory-policy")) == {"maxmemory-policy": "noeviction"}
        again = await findings(
            command, status=1, TOKENHOUSE_DATABASE__URL=url, TOKENHOUSE_DATABASE__MIGRATE_ON_START="false"
        )
        assert again["postgres.schema"]["level"] == "problem"
        connection = await asyncpg.connect(url)
        assert await connection.fetch("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
        await connection.close()


@pytest.mark.usefixtures("served")
async def test_a_store_that_is_down_is_named_and_the_others_are_looked_at(command: Command) -> None:
    status, said, _ = await command(
        "doctor",
        TOKENHOUSE_DATABASE__URL=f"postgresql://me:hushhush@{NOWHERE}/none",
        TOKENHOUSE_REDIS__URL=f"redis://me:hushhush@{NOWHERE}/0",
    )
    assert status == 1
    for store, setting in (("postgres", "TOKENHOUSE_DATABASE__URL"), ("redis", "TOKENHOUSE_REDIS__URL")):
        assert re.search(
            rf"^problem  {store} +does not answer \(\w+\); is it up, and is {setting} right\?$", said, re.MULTILINE
        )
    assert "ok       limits " in said
    assert "hush" not in said


async def test_a_redis_that_would_forget_is_named(command: Command, another_redis: EmbeddedRedis) -> None:
    async with Redis.from_url(another_redis.url) as client:
        await client.config_set("maxmemory-policy", "allkeys-lru")
    found = await findings(command, status=1, TOKENHOUSE_REDIS__URL=another_redis.url)
    assert found["redis.policy"]["level"] == "problem"
    assert "allkeys-lru" in found["redis.policy"]["said"]
    assert found["redis.persistence"]["advice"] == "set appendonly yes"
    assert found["redis.denylist"]["level"] == "warning"
    assert found["redis.memory"]["said"].endswith("of 67 MB used")


@pytest.mark.usefixtures("served")
async def test_a_redis_user_with_least_rights_is_enough(command: Command, redis: Redis, embedded: Stores) -> None:
    """That of deploy/redis/users.acl; it may not ask CONFIG, so one thing stays unknown."""
    rules = (ROOT / "deploy/redis/users.acl").read_text()
    (line,) = [line for line in rules.splitlines() if line.startswith("user tokenhouse ")]
    acl: Any = redis  # redis-py's `execute_command` is not typed
    await acl.execute_command("ACL", "SETUSER", *line.replace("#REDIS_PASSWORD_SHA256", ">hushhush").split()[1:])
    try:
        url = embedded.redis.url.replace("unix://", "unix://tokenhouse:hushhush@")
        found = await findings(command, status=1, **DURABLE, TOKENHOUSE_REDIS__URL=url)
        status, said, _ = await command("sessions", "end", "--all", "--yes")
        assert (status, said.partition(" live ")[0]) == (0, "ended: 0")
    finally:
        await acl.execute_command("ACL", "DELUSER", "tokenhouse")
    assert found["redis.user"]["level"] == "ok"
    assert found["redis.persistence"]["said"] == "append-only file, appendfsync unknown: this user may not ask"
    assert {one["level"] for check, one in found.items() if check.startswith("redis")} == {"ok", "warning"}
    assert found["redis.memory"]["level"] == "warning"  # the tests' Redis has no limit


@pytest.mark.usefixtures("redis", "database")
async def test_each_primary_of_a_cluster_is_looked_at_and_all_their_sessions_can_be_ended(
    command: Command, instances: Instances, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with clustered(tmp_path) as stand:
        monkeypatch.setenv("TOKENHOUSE_REDIS__URL", stand.url)
        (client,) = await instances(1)
        person = await client.sign_up()
        held = [await client.log_in(person) for _ in range(6)]
        found = await findings(command, status=1)
        for check in ("policy", "memory", "persistence", "disk", "user", "clock"):
            assert len([name for name in found if re.fullmatch(rf"redis\[127\.0\.0\.1:\d+\]\.{check}", name)]) == 3
        assert found["redis.denylist"]["level"] == "ok"
        status, said, _ = await command("sessions", "end", "--all", "--yes")
        assert (status, said.partition(" live ")[0]) == (0, "ended: 6")
        for tokens in held:
            assert ((await client.me(tokens)).status, (await client.refresh(tokens)).status) == (401, 401)
        assert (await client.me(await client.log_in(person))).status == 200


@pytest.mark.usefixtures("database")
async def test_behind_sentinels_a_primary_is_to_wait_for_one_of_two_replicas(command: Command, tmp_path: Path) -> None:
    async with watched(tmp_path) as stand:
        found = await findings(command, status=1, TOKENHOUSE_REDIS__URL=stand.url)
        assert found["redis.replicas"]["level"] == "warning"
        assert "set min-replicas-to-write 1" in found["redis.replicas"]["advice"]
        assert "run two replicas" in found["redis.replicas"]["advice"]
        await stand.primary.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        found = await findings(command, status=1)
        assert (found["redis.replicas"]["level"], found["redis.replicas"]["advice"]) == ("warning", "run two replicas")


@pytest.mark.usefixtures("served")
async def test_a_role_that_only_serves_is_told_from_one_that_may_change_the_schema(
    command: Command, embedded: Stores, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await database.execute("CREATE ROLE serving LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO serving")
    try:
        found = await findings(
            command,
            status=1,
            TOKENHOUSE_DATABASE__MIGRATE_ON_START="false",
            TOKENHOUSE_DATABASE__URL=embedded.postgres.url.replace("tokenhouse@", "serving@"),
        )
    finally:
        await database.execute("DROP OWNED BY serving; DROP ROLE serving")
    assert (found["postgres.role"]["level"], found["postgres.schema"]["level"]) == ("ok", "ok")


@pytest.mark.usefixtures("served")
async def test_secrets_that_are_missing_or_left_over_are_told(command: Command) -> None:
    other = SECRET[::-1]
    found = await findings(command, status=1, TOKENHOUSE_SECRET_KEYS_PREVIOUS=other)
    assert found["secret.previous"]["level"] == "warning"
    assert "still set" in found["secret.previous"]["said"]
    found = await findings(command, status=1, TOKENHOUSE_SECRET_KEY=other, TOKENHOUSE_SECRET_KEYS_PREVIOUS=SECRET)
    assert found["secret"]["level"] == "ok"
    assert found["secret.previous"]["said"].startswith("3 values sealed with an earlier secret")
    found = await findings(command, status=1, TOKENHOUSE_SECRET_KEY=other, TOKENHOUSE_SECRET_KEYS_PREVIOUS=other)
    assert found["secret"]["level"] == "problem"
    assert found["secret"]["said"].startswith("3 sealed values in the database cannot be opened")


def test_a_start_says_once_that_redis_keeps_no_log(
    embedded: Stores, database: object, another_redis: EmbeddedRedis
) -> None:
    port = free_port()
    with running("serve", **of(embedded, port, TOKENHOUSE_REDIS__URL=another_redis.url)) as process:
        wait_for(port, "/readyz", 200, process)
        said = stop(process)
    assert said.count("redis keeps no append-only file") == 1
    with running("serve", **of(embedded, port)) as process:
        wait_for(port, "/readyz", 200, process)
        assert "append-only" not in stop(process)
