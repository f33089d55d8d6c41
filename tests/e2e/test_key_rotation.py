"""Signing keys and the secret, changed by command while two instances serve on real stores."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import Stores
from tests.conftest import Client, Instances, Serve, bearer, real_settings
from tests.support import second_factors as second
from tests.support.builders import SECRET, part
from tests.support.databases import Command
from tests.support.waiting import until

NEW_SECRET = SECRET[::-1]
JWKS = "/.well-known/jwks.json"


@pytest.fixture
async def two(instances: Instances) -> list[Client]:
    return await instances(2)


def kid_of(tokens: dict[str, Any]) -> str:
    return str(json.loads(part(tokens["idToken"], 0))["kid"])


async def published(client: Client) -> set[str]:
    return {key["kid"] for key in (await (await client.get(JWKS)).json())["keys"]}


async def states(command: Command) -> dict[str, str]:
    status, said, _ = await command("keys", "list")
    assert status == 0
    return {line.split()[0]: line.split()[1] for line in said.splitlines()[1:]}


async def is_let_in(clients: list[Client], tokens: dict[str, Any]) -> bool:
    answers = [await client.me(tokens) for client in clients]
    assert {answer.status for answer in answers} in ({200}, {401}), "the instances disagree"
    return answers[0].status == 200


async def test_a_rotation_by_command_fails_no_request(two: list[Client], command: Command) -> None:
    here, there = two
    person = await here.sign_up()
    old = await here.log_in(person)
    before = await published(here)
    assert sorted((await states(command)).values()) == ["active", "next"]
    status, said, _ = await command("keys", "rotate")
    assert status == 0
    assert said.split()[0] in before  # verifiers have known it from the beginning
    assert sorted((await states(command)).values()) == ["active", "next", "retired"]

    elsewhere = (await (await there.refresh(old)).json()) | {"refreshToken": old["refreshToken"]}
    assert await is_let_in(two, old)
    assert await is_let_in(two, elsewhere)


async def test_an_instance_follows_at_once_on_a_token_of_a_key_it_has_not_seen(
    instances: Instances, command: Command
) -> None:
    (laggard,) = await instances(1)
    person = await laggard.sign_up()
    old = await laggard.log_in(person)
    assert (await command("keys", "rotate"))[0] == 0
    assert (await command("keys", "rotate", "--now"))[0] == 0  # the active one was not even made when it started
    (fresh,) = await instances(1)
    new = await fresh.log_in(person)
    assert kid_of(new) not in await published(laggard)
    assert await is_let_in([laggard, fresh], new)
    assert await published(laggard) == await published(fresh)
    assert await is_let_in([laggard, fresh], old)
    assert kid_of(await laggard.log_in(person)) == kid_of(new)


async def test_a_leaked_key_is_dead_on_every_instance_at_once_and_stays_dead(
    two: list[Client], command: Command, redis: Redis
) -> None:
    here, there = two
    person = await here.sign_up()
    tokens, others = await here.log_in(person), await there.log_in(await there.sign_up())
    assert await is_let_in(two, tokens)
    leaked = kid_of(tokens)
    status, said, _ = await command("keys", "retire", leaked, "--now")
    assert (status, said.startswith(leaked)) == (0, True)
    assert not await is_let_in(two, tokens)
    assert not await is_let_in(two, others)

    for client in two:  # nobody signs with it either, though no minute has passed
        anew = await client.log_in(person)
        assert kid_of(anew) != leaked
        assert await is_let_in(two, anew)
        assert leaked not in await published(client)
        renewed = await client.refresh(tokens)
        assert renewed.status == 200
        assert await is_let_in(two, await renewed.json())

    await redis.flushall()
    for client in two:
        await until(partial(is_refused, client, tokens))
    await until(partial(can_log_in, here, person))
    assert await redis.exists(f"th:denied:key:{leaked}")
    assert (await states(command))[leaked] == "gone"


async def is_refused(client: Client, tokens: dict[str, Any]) -> bool:
    answer = await client.me(tokens)
    assert answer.status in (401, 503)
    return answer.status == 401


async def can_log_in(client: Client, person: dict[str, Any]) -> bool:
    body = {"email": person["email"], "password": person["password"]}
    return (await client.post("/auth/login", body)).status == 200


async def test_an_instance_that_still_holds_the_leaked_key_refuses_it(
    two: list[Client], command: Command, redis: Redis
) -> None:
    """The denylist says so before the instance has read the keys."""
    tokens = await two[0].log_in(await two[0].sign_up())
    leaked = kid_of(tokens)
    assert (await command("keys", "retire", leaked, "--now"))[0] == 0
    answer = await two[1].me(tokens)
    assert answer.status == 401
    assert leaked in await published(two[1])  # until its next reading
    left = await redis.pttl(f"th:denied:key:{leaked}")
    assert left > 29 * 86_400_000


async def test_an_emergency_works_while_redis_is_down(
    two: list[Client], command: Command, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    leaked = kid_of(await two[0].log_in(await two[0].sign_up()))
    status, _, said = await command("keys", "retire", leaked, "--now", TOKENHOUSE_REDIS__URL="redis://127.0.0.1:1/0")
    assert status == 1
    assert "the key is revoked, but Redis does not answer" in said
    assert await database.fetchval("SELECT killed_at IS NOT NULL FROM signing_keys WHERE kid = $1", leaked)


async def test_a_key_retires_in_its_time_and_what_cannot_be_is_said(two: list[Client], command: Command) -> None:
    tokens = await two[0].log_in(await two[0].sign_up())
    active = kid_of(tokens)
    (waiting,) = [kid for kid, state in (await states(command)).items() if state == "next"]
    assert (await command("keys", "retire", waiting))[0] == 1
    assert (await command("keys", "retire", active))[0] == 0
    assert (await states(command))[active] == "retired"
    status, said, _ = await command("keys", "retire", active)
    assert (status, "is retired already" in said) == (0, True)
    status, _, said = await command("keys", "retire", "nobody")
    assert (status, "no key has this KID" in said) == (1, True)
    assert await is_let_in(two, tokens)


@pytest.fixture
async def with_secrets(
    embedded: Stores, serve: Serve, redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Starts an instance that knows these secrets, the current one first."""
    async with AsyncExitStack() as closing:

        async def start(current: str, *previous: str) -> Client:
            known = {
                "secret_key": SecretStr(current),
                "secret_keys_previous": tuple(SecretStr(secret) for secret in previous),
            }
            application = build(real_settings(embedded).model_copy(update=known), Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            return await serve(application)

        yield start


async def test_a_new_secret_takes_over_and_nothing_is_lost(
    with_secrets: Callable[..., Awaitable[Client]],
    command: Command,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    old = await with_secrets(SECRET, NEW_SECRET)
    person = await old.sign_up()
    tokens = await old.log_in(person)
    sealed = await database.fetchval("SELECT api_key_sealed FROM users")

    both = await with_secrets(NEW_SECRET, SECRET)
    newcomer = await both.sign_up()
    for client in (old, both):
        for someone in (person, newcomer):
            assert (await client.log_in(someone))["apiKey"] == someone["apiKey"]
            assert (await client.get("/auth/me", **{"x-api-key": someone["apiKey"]})).status == 200

    told = {"TOKENHOUSE_SECRET_KEY": NEW_SECRET, "TOKENHOUSE_SECRET_KEYS_PREVIOUS": SECRET}
    status, said, _ = await command("secrets", "rotate", **told)
    assert (status, said.strip()) == (
        0,
        "sealed anew: 2 signing keys, 1 API keys, 0 TOTP secrets, 0 verifiers of passwords",
    )
    assert await database.fetchval("SELECT api_key_sealed FROM users WHERE email = $1", person["email"]) != sealed
    status, said, _ = await command("secrets", "rotate", **told)
    assert (status, said.strip()) == (
        0,
        "sealed anew: 0 signing keys, 0 API keys, 0 TOTP secrets, 0 verifiers of passwords",
    )

    new = await with_secrets(NEW_SECRET)
    for client in (old, both, new):
        for someone in (person, newcomer):
            assert (await client.log_in(someone))["apiKey"] == someone["apiKey"]
            assert (await client.get("/auth/me", **{"x-api-key": someone["apiKey"]})).status == 200
        assert (await client.get("/auth/me", **bearer(tokens))).status == 200
        assert (await client.refresh(tokens)).status == 200


async def test_an_instance_that_lacks_the_new_secret_is_not_ready_and_says_unavailable(
    with_secrets: Callable[..., Awaitable[Client]], command: Command
) -> None:
    behind = await with_secrets(SECRET)
    person = await behind.sign_up()
    tokens = await behind.log_in(person)
    told = {"TOKENHOUSE_SECRET_KEY": NEW_SECRET, "TOKENHOUSE_SECRET_KEYS_PREVIOUS": SECRET}
    assert (await command("secrets", "rotate", **told))[0] == 0

    async def has_noticed() -> bool:
        answer = await behind.get("/readyz")
        return answer.status == 503 and "sealed with another secret" in await answer.text()

    await until(has_noticed)
    answer = await behind.post("/auth/login", {"email": person["email"], "password": person["password"]})
    assert answer.status == 503, await answer.text()
    answer = await behind.get("/auth/me", **{"x-api-key": person["apiKey"]})
    assert answer.status == 503, await answer.text()  # no 401: the key is good
    assert (await behind.get("/auth/me", **bearer(tokens))).status == 200
    new = await with_secrets(NEW_SECRET)
    assert (await new.log_in(person))["apiKey"] == person["apiKey"]
    assert (await new.get("/readyz")).status == 200


async def test_a_new_secret_takes_totp_over_and_recovery_codes_until_the_old_one_goes(
    with_secrets: Callable[..., Awaitable[Client]], command: Command
) -> None:
    """Whoever has recovery codes of a secret that is gone asks for new ones with the app."""
    old = await with_secrets(SECRET, NEW_SECRET)
    person = await old.sign_up()
    app = await second.enrol(old, person, await old.log_in(person), datetime.now(UTC), 0)
    both = await with_secrets(NEW_SECRET, SECRET)
    told = {"TOKENHOUSE_SECRET_KEY": NEW_SECRET, "TOKENHOUSE_SECRET_KEYS_PREVIOUS": SECRET}
    status, said, _ = await command("secrets", "rotate", **told)
    assert (status, said.strip()) == (
        0,
        "sealed anew: 2 signing keys, 1 API keys, 1 TOTP secrets, 0 verifiers of passwords",
    )
    new = await with_secrets(NEW_SECRET)
    for client, code, status in (
        (old, app.recovery_codes[0], 200),
        (both, app.recovery_codes[1], 200),
        (new, app.recovery_codes[2], 401),
        (new, app.code(datetime.now(UTC), 1), 200),
    ):
        assert (await second.log_in(client, person, code=code)).status == status
