"""Named API keys on real stores: several instances, and what an instance leaves behind when it stops."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.ambient import Ambient
from service.assembly.application import build
from service.domain.accounts.named_api_keys import MOST
from service.embedded import Stores
from tests.conftest import Client, Instances, Serve, bearer, real_settings


async def make(client: Client, tokens: dict[str, Any], **fields: object) -> dict[str, Any]:
    answer = await client.post("/auth/api-keys", {"name": "Build server", **fields}, **bearer(tokens))
    assert answer.status == 201, await answer.text()
    return dict(await answer.json())


async def test_a_key_is_one_key_on_every_instance(instances: Instances) -> None:
    one, two = await instances(2)
    tokens = await one.log_in(await one.sign_up())
    made = await make(one, tokens, rate="3/1h", scopes=["a"])
    key = {"x-api-key": made["apiKey"]}
    answers = [await client.get("/auth/verify", **key) for client in (two, one, two, one)]
    assert [answer.status for answer in answers] == [204, 204, 204, 429]
    assert answers[0].headers["X-Auth-Scopes"] == "a"
    assert (await two.http.delete(f"/auth/api-keys/{made['keyId']}", headers=bearer(tokens))).status == 204
    assert (await one.get("/auth/verify", **key)).status == 401


async def test_instances_together_make_no_more_than_fifty(instances: Instances) -> None:
    clients = await instances(2, throttle={"enabled": False})
    tokens = await clients[0].log_in(await clients[0].sign_up())
    for _ in range(MOST - 3):
        await make(clients[0], tokens)
    asked = (clients[one % 2].post("/auth/api-keys", {"name": "x"}, **bearer(tokens)) for one in range(12))
    assert sorted(one.status for one in await asyncio.gather(*asked)) == [201] * 3 + [409] * 9


@pytest.mark.usefixtures("redis")
async def test_an_instance_that_stops_writes_the_last_uses(
    embedded: Stores, serve: Serve, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    application = build(real_settings(embedded), Ambient())
    await application.open()
    client = await serve(application)
    made = await make(client, await client.log_in(await client.sign_up()))
    assert (await client.get("/auth/me", **{"x-api-key": made["apiKey"]})).status == 200
    last_used = "SELECT last_used_at FROM named_api_keys"
    assert await database.fetchval(last_used) is None
    await application.close()
    assert datetime.now(UTC) - await database.fetchval(last_used) < timedelta(minutes=10)
