"""Webhooks of real instances: verified by what receivers have, killed while they send, told of by command and doctor."""

import asyncio
import base64
import json
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeAlias
from uuid import uuid4

import asyncpg
from aiohttp import ClientSession
from standardwebhooks import Webhook

from service.domain.webhooks.worker import LANES
from service.embedded import Stores
from tests.conftest import ROOT, Client
from tests.e2e.test_backup_restore import Site, site, spend_transactions
from tests.support import nodejs
from tests.support.ports import free_port
from tests.support.processes import of, running, stop, wait_for
from tests.support.receivers import Receiver, receiver
from tests.support.waiting import PATIENCE, until

__all__ = ["site"]  # a fixture
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
NODE_FILES = ROOT / "tests" / "e2e" / "node" / "webhooks"
NEW, OLD, OTHER = (f"whsec_{base64.b64encode(one * 32).decode()}" for one in (b"n", b"o", b"x"))
COUNT = 300
HAPPEN = """
    INSERT INTO audit_events (id, at, name, outcome, reason, user_id, account, session_id, key_id, source, request_id)
    SELECT gen_random_uuid(), now(), 'user_created', 'success', '', gen_random_uuid(), '', '', '', '', ''
    FROM generate_series(1, $1) AS i
    RETURNING id
"""
SOON = "UPDATE webhook_deliveries SET due_at = now() WHERE delivered_at IS NULL AND failed_at IS NULL"
LEASES = "UPDATE webhook_deliveries SET due_at = least(due_at, now() + interval '2 seconds') WHERE delivered_at IS NULL"


def telling(**receivers: Receiver) -> dict[str, str]:
    """Settings in the environment."""
    told = {"TOKENHOUSE_WEBHOOKS__PRIVATE": "true"}
    for name, one in receivers.items():
        told[f"TOKENHOUSE_WEBHOOKS__ENDPOINTS__{name.upper()}__URL"] = one.url
        told[f"TOKENHOUSE_WEBHOOKS__ENDPOINTS__{name.upper()}__SECRETS"] = f"{NEW},{OLD}"
    return told


async def has_places(database: Connection, count: int) -> bool:
    return bool(await database.fetchval("SELECT count(*) = $1 FROM webhook_cursors", count))


async def has_got(one: Receiver, count: int) -> bool:
    return len(set(one.ids)) >= count


async def has_those(one: Receiver, ids: set[str]) -> bool:
    return ids <= set(one.ids)


async def happen(database: Connection, count: int) -> set[str]:
    return {str(row["id"]) for row in await database.fetch(HAPPEN, count)}


async def verified_by_node(secret: str, got: Sequence[tuple[dict[str, str], bytes]]) -> list[dict[str, str]]:
    home = await asyncio.to_thread(nodejs.home, "webhooks", NODE_FILES.iterdir())
    lines = "".join(json.dumps({"body": body.decode(), "headers": headers}) + "\n" for headers, body in got)
    process = await asyncio.create_subprocess_exec("node", home / "verify.mjs", secret, stdin=PIPE, stdout=PIPE)
    async with asyncio.timeout(PATIENCE):
        output = (await process.communicate(lines.encode()))[0]
    return [json.loads(line) for line in output.splitlines()]


async def test_receivers_verify_what_happens_with_either_secret_in_python_and_node(
    embedded: Stores, database: Connection, redis: object
) -> None:
    port = free_port()
    async with receiver() as crm:
        with running("serve", **of(embedded, port, **telling(crm=crm))) as process:
            await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
            await until(lambda: has_places(database, 1))
            async with ClientSession(f"http://127.0.0.1:{port}") as session:
                client = Client(session, port)
                await client.log_in(await client.sign_up())
            await until(lambda: has_types(crm, "user.created", "login.succeeded"))
            stop(process)
    assert b"@" not in b"".join(body for _, body in crm.got)  # neither an address nor a name
    assert b"Ada" not in b"".join(body for _, body in crm.got)
    for secret in (NEW, OLD):
        types = [Webhook(secret).verify(body, headers)["type"] for headers, body in crm.got]
        assert [one["type"] for one in await verified_by_node(secret, crm.got)] == types
    assert {tuple(one) for one in await verified_by_node(OTHER, crm.got)} == {("refused",)}


async def test_nothing_that_is_in_the_trail_is_lost_though_instances_are_killed_while_they_send(
    embedded: Stores, database: Connection, redis: object
) -> None:
    killed = 2
    async with receiver(pause=0.05) as crm, receiver(pause=600.0) as hangs:
        told = telling(crm=crm, hangs=hangs)
        ports = [free_port() for _ in range(killed + 1)]
        async with AsyncExitStack() as instances:
            processes = [instances.enter_context(running("serve", **of(embedded, port, **told))) for port in ports]
            for port, process in zip(ports, processes, strict=True):
                await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
            await until(lambda: has_places(database, 2))
            happened = await happen(database, COUNT)
            for number, process in enumerate(processes[:killed], start=1):
                await until(partial(has_got, crm, number * COUNT // 4))
                process.kill()
                process.wait()
            await database.execute(LEASES)  # of the dead: nobody has to wait for their ends here
            await until(partial(has_those, crm, happened), 2 * PATIENCE)
            await until(lambda: are_all_recorded(database))
            processes[-1].kill()
    counts = Counter(crm.ids)
    assert sum(counts.values()) - len(counts) <= (killed + 1) * LANES
    for (headers, body), _ in zip(crm.got, range(20), strict=False):
        Webhook(NEW).verify(body, headers)
    assert hangs.got == []
    assert hangs.begun > 0


async def are_all_recorded(database: Connection) -> bool:
    return not await database.fetchval(
        "SELECT count(*) FROM webhook_deliveries WHERE endpoint = 'crm' AND delivered_at IS NULL"
    )


async def test_an_endpoint_that_was_away_gets_all_when_it_is_back_over_restarts(
    embedded: Stores, database: Connection, redis: object
) -> None:
    away, happened = Receiver(port=free_port()), set[str]()
    for number in range(3):
        port = free_port()
        with running("serve", **of(embedded, port, **telling(crm=away))) as process:
            await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
            await until(lambda: has_places(database, 1))
            if number < 2:
                happened |= await happen(database, 5)
                await until(partial(were_tried, database, happened))
                stop(process)
                continue
            async with receiver(port=away.port) as crm:
                await database.execute(SOON)
                await until(partial(has_those, crm, happened))
            process.kill()


async def were_tried(database: Connection, ids: set[str]) -> bool:
    tried = await database.fetch("SELECT event_id FROM webhook_deliveries WHERE last_reply <> ''")
    return ids <= {str(row["event_id"]) for row in tried}


async def has_types(one: Receiver, *types: str) -> bool:
    return set(types) <= {json.loads(body)["type"] for _, body in one.got}


async def test_what_a_dump_holds_and_what_comes_after_it_is_sent_from_the_server_that_it_is_restored_into(
    site: Site,
) -> None:
    """The other server's numbers begin anew, and pass those of the first before an instance looks."""
    async with receiver() as crm:
        told = of(None, 0, **telling(crm=crm))
        await spend_transactions(site, 2_000)
        async with served(site, told):
            await until(lambda: holds(site, "SELECT count(*) = 1 FROM webhook_cursors"))
            sent = await happen_at(site, 3)
            await until(partial(has_those, crm, sent))
        unsent = await happen_at(site, 3)
        site.back_up()
        site.lose_postgres()
        after = await happen_at(site, 3)
        await spend_transactions(site, 3_000)
        async with served(site, told):
            await until(partial(has_those, crm, unsent | after))
            later = await happen_at(site, 3)
            await until(partial(has_those, crm, later))
    assert len(crm.ids) == len(set(crm.ids))


@asynccontextmanager
async def served(site: Site, told: dict[str, str]) -> AsyncIterator[None]:
    port = free_port()
    urls = {"TOKENHOUSE_DATABASE__URL": site.postgres.url, "TOKENHOUSE_REDIS__URL": site.redis.url}
    with running("serve", **told | urls | {"TOKENHOUSE_SERVER__PORT": str(port)}) as process:
        await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
        yield
        await until(lambda: holds(site, "SELECT count(*) = 0 FROM webhook_deliveries WHERE delivered_at IS NULL"))
        await asyncio.to_thread(stop, process)


async def holds(site: Site, query: str) -> bool:
    connection = await asyncpg.connect(site.postgres.url)
    try:
        return bool(await connection.fetchval(query))
    finally:
        await connection.close()


async def happen_at(site: Site, count: int) -> set[str]:
    connection = await asyncpg.connect(site.postgres.url)
    try:
        return await happen(connection, count)
    finally:
        await connection.close()


# --- the command and the doctor


def ran(*words: str, **environment: str) -> tuple[int, str]:
    with running(*words, **environment) as process:
        output = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, output


async def test_deliveries_are_listed_and_retried_by_command(
    embedded: Stores, database: Connection, redis: object
) -> None:
    async with receiver() as crm:
        told = of(embedded, 0, **telling(crm=crm))
        status, output = await asyncio.to_thread(ran, "webhooks", "test", "crm", **told)
        assert (status, output) == (0, "204\n")
        ((headers, body),) = crm.got
        assert Webhook(OLD).verify(body, headers)["type"] == "webhook.test"
        crm.status = 503
        assert await asyncio.to_thread(ran, "webhooks", "test", "crm", **told) == (1, "tokenhouse: not taken: 503\n")
    status, output = await asyncio.to_thread(ran, "webhooks", "test", "nobody", **told)
    assert (status, output) == (78, "tokenhouse: webhooks.endpoints names no nobody\n")
    assert (await asyncio.to_thread(ran, "webhooks", "retry", **told))[0] == 2
    await database.execute("INSERT INTO webhook_cursors (endpoint, place, system) VALUES ('crm', '1', '')")
    ids = [await file_one(database, last_reply="503") for _ in range(2)]
    status, output = await asyncio.to_thread(ran, "webhooks", "list", "--failed", "--json", **told)
    assert {json.loads(line)["id"] for line in output.splitlines()} == set(ids)
    status, output = await asyncio.to_thread(ran, "webhooks", "list", **told)
    assert output.splitlines()[0].split() == ["TIME", "ENDPOINT", "TYPE", "STATUS", "ATTEMPTS", "REPLY", "DELIVERY"]
    assert output.splitlines()[1].split()[1:] == ["crm", "user.created", "failed", "10", "503", max(ids)]
    findings = await asyncio.to_thread(doctor, **told)
    assert findings["webhooks.crm"] == ("ok", "its host is found")
    assert findings["webhooks.crm.deliveries"] == (
        "warning",
        "2 given up in the last two weeks; the latest reply: 503",
    )
    assert await asyncio.to_thread(ran, "webhooks", "retry", ids[0], **told) == (0, "1 will be sent again\n")
    status, output = await asyncio.to_thread(ran, "webhooks", "retry", str(uuid4()), **told)
    assert (status, output.startswith("tokenhouse: there is no delivery ")) == (1, True)
    assert await asyncio.to_thread(ran, "webhooks", "retry", "--failed", "crm", **told) == (0, "1 will be sent again\n")
    assert await asyncio.to_thread(ran, "webhooks", "list", "--failed", **told) == (0, "tokenhouse: no delivery\n")
    misspelt = await asyncio.to_thread(ran, "webhooks", "retry", "--failed", "cmr", **told)
    assert misspelt == (78, "tokenhouse: webhooks.endpoints names no cmr\n")
    named = await database.fetch("SELECT operator FROM audit_events WHERE name = 'sys_webhooks_retried'")
    assert len(named) == 2
    assert all(row["operator"] for row in named)


async def file_one(database: Connection, *, last_reply: str) -> str:
    return str(
        await database.fetchval(
            """
            INSERT INTO webhook_deliveries (id, endpoint, event_id, type, body, created_at, attempts, failed_at, last_reply)
            VALUES (gen_random_uuid(), 'crm', gen_random_uuid(), 'user.created', '{}', '2100-01-01', 10, now(), $1)
            RETURNING id
            """,
            last_reply,
        )
    )


def doctor(**told: str) -> dict[str, tuple[str, str]]:
    found = map(json.loads, ran("doctor", "--json", **told)[1].splitlines())
    return {one["check"]: (one["level"], one["said"]) for one in found}


async def test_the_doctor_says_which_endpoint_gets_nothing(embedded: Stores, database: Connection) -> None:
    told = of(
        embedded,
        0,
        TOKENHOUSE_WEBHOOKS__ENDPOINTS=json.dumps({"crm": {"url": "https://127.0.0.1/hidden", "secrets": [NEW]}}),
    )
    findings = await asyncio.to_thread(doctor, **told)
    level, said = findings["webhooks.crm"]
    assert (level, said) == ("problem", "gets nothing: its address is private, and webhooks.private is false")
    assert (await asyncio.to_thread(doctor, **of(embedded, 0)))["webhooks"] == ("ok", "no endpoint")
