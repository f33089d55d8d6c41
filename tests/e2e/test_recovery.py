"""Recovery on two instances and real stores: one use of a code, whatever happens at the same time or in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import pytest
from aiohttp import ClientResponse
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.embedded import Stores
from tests.conftest import Client, Serve, bearer, problem, real_settings
from tests.contract.test_redis_keys import held_by, rows_of
from tests.support.postbox import MAIL, Postbox, token_of

NEW = "Another-Pass2!"
Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass
class Pair:
    """Two instances. Nothing sends mails: the postbox writes them when it is told."""

    clients: list[Client]
    applications: list[Application]
    database: Database

    @property
    def postbox(self) -> Postbox:
        return Postbox(self.applications[0])

    async def person(self) -> dict[str, Any]:
        person = await self.clients[0].sign_up()
        await self.postbox.collect()
        return person

    async def everywhere(self, path: str, bodies: list[dict[str, object]]) -> list[ClientResponse]:
        """At once, by both instances in turn."""
        calls = [self.clients[number % 2].post(path, body) for number, body in enumerate(bodies)]
        return list(await asyncio.gather(*calls))


@pytest.fixture
async def pair(embedded: Stores, serve: Serve, redis: Redis, database: Database) -> AsyncIterator[Pair]:
    assert redis
    async with AsyncExitStack() as closing:
        applications, clients = [], []
        for _ in range(2):
            application = build(real_settings(embedded, mail=MAIL), Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            applications.append(application)
            clients.append(await serve(application))
        yield Pair(clients, applications, database)


async def test_of_fifty_parallel_resets_with_one_link_one_is_made(pair: Pair) -> None:
    person = await pair.person()
    here, there = pair.clients
    sessions = [await here.log_in(person), await there.log_in(person)]
    assert (await there.post("/auth/forgot", {"email": person["email"]})).status == 202
    token = token_of(await pair.postbox.one())
    passwords = [f"Another-Pass{number}!" for number in range(50)]
    answers = await pair.everywhere("/auth/reset", [{"token": token, "newPassword": one} for one in passwords])
    assert sorted(answer.status for answer in answers) == [200] + [401] * 49
    (winner,) = [one for one, answer in zip(passwords, answers, strict=True) if answer.status == 200]
    for client in pair.clients:
        await client.log_in(person | {"password": winner})
        for tokens in sessions:
            assert (await client.me(tokens)).status == 401
            assert (await client.refresh(tokens)).status == 401
    assert await pair.database.fetchval("SELECT count(*) FROM pending_endings") == 0


async def test_of_parallel_guesses_on_two_instances_five_are_looked_at(pair: Pair) -> None:
    person = await pair.person()
    await pair.clients[0].post("/auth/forgot", {"email": person["email"]})
    letter = await pair.postbox.one()
    code = int(letter.values["code"])
    bodies: list[dict[str, object]] = [
        {"email": person["email"], "code": f"{(code + distance) % 10**8:08}", "newPassword": NEW}
        for distance in range(1, 21)
    ]
    answers = await pair.everywhere("/auth/reset", bodies)
    answers += await pair.everywhere("/auth/reset", [bodies[0] | {"code": letter.values["code"]}])
    assert {answer.status for answer in answers} == {401}
    assert {problem(await answer.text())["code"] for answer in answers} == {"invalid_code"}


async def test_of_parallel_proofs_of_one_address_one_is_made(pair: Pair) -> None:
    person = await pair.clients[0].sign_up()
    token = token_of(await pair.postbox.one())
    bodies: list[dict[str, object]] = [{"token": token, "password": person["password"]} for _ in range(10)]
    answers = await pair.everywhere("/auth/email/verify", bodies)
    assert sorted(answer.status for answer in answers) == [200] + [401] * 9


async def test_of_parallel_confirmations_and_undoings_one_is_made(pair: Pair) -> None:
    person = await pair.person()
    here, there = pair.clients
    tokens = await here.log_in(person)
    body = {"newEmail": "Next@example.com", "password": person["password"]}
    assert (await there.post("/auth/email", body, **bearer(tokens))).status == 202
    confirmed = await pair.everywhere("/auth/email/confirm", [{"token": token_of(await pair.postbox.one())}] * 20)
    assert sorted(answer.status for answer in confirmed) == [200] + [401] * 19
    assert (await here.refresh(tokens)).status == 401
    undo = await pair.postbox.one()
    assert undo.recipient == person["email"]
    undone = await pair.everywhere("/auth/email/undo", [{"token": token_of(undo)}] * 20)
    assert sorted(answer.status for answer in undone) == [200] + [401] * 19
    reset = await pair.postbox.one()
    assert (await there.post("/auth/reset", {"token": token_of(reset), "newPassword": NEW})).status == 200
    await here.log_in(person | {"password": NEW})


async def test_a_change_and_a_reset_at_once_leave_one_owner(pair: Pair) -> None:
    """Who asked for the change may be a thief: after the reset it is impossible, and before it the reset is."""
    for number in range(5):
        person = await pair.person()
        tokens = await pair.clients[0].log_in(person)
        body = {"newEmail": f"next{number}@example.com", "password": person["password"]}
        await pair.clients[0].post("/auth/email", body, **bearer(tokens))
        await pair.clients[0].post("/auth/forgot", {"email": person["email"]})
        change, reset = sorted(await pair.postbox.collect(), key=lambda letter: letter.template)
        confirmed, changed = await asyncio.gather(
            pair.clients[0].post("/auth/email/confirm", {"token": token_of(change)}),
            pair.clients[1].post("/auth/reset", {"token": token_of(reset), "newPassword": NEW}),
        )
        assert sorted([confirmed.status, changed.status]) == [200, 401]


async def test_known_and_unknown_addresses_leave_the_same_rows(pair: Pair) -> None:
    person = await pair.person()
    rows = []
    for email in (person["email"], "nobody@example.com", "no address", "a\0b@example.com", "ä" * 2_000):
        await pair.database.execute("DELETE FROM mails")
        answer = await pair.clients[0].post("/auth/forgot", {"email": email})
        assert answer.status == 202
        row = await pair.database.fetchrow("SELECT kind, user_id, language, facts, attempts FROM mails")
        assert row
        rows.append((tuple(row), await pair.database.fetchval("SELECT count(*) FROM mails")))
    assert rows == rows[:1] * len(rows)


async def test_an_unknown_address_is_dropped_by_whoever_would_write_to_it(pair: Pair) -> None:
    await pair.clients[0].post("/auth/forgot", {"email": "nobody@example.com"})
    assert await pair.postbox.collect() == []
    assert await pair.database.fetchval("SELECT count(*) FROM mails") == 0


async def test_the_code_that_an_instance_wrote_dies_with_redis_and_the_next_one_works(pair: Pair, redis: Redis) -> None:
    person = await pair.person()
    client = pair.clients[1]
    await client.post("/auth/forgot", {"email": person["email"]})
    lost = token_of(await pair.postbox.one())
    for key in await redis.keys("th:code:*"):
        await redis.delete(key)
    assert (await client.post("/auth/reset", {"token": lost, "newPassword": NEW})).status == 401
    await client.post("/auth/forgot", {"email": person["email"]})
    answer = await client.post("/auth/reset", {"token": token_of(await pair.postbox.one()), "newPassword": NEW})
    assert answer.status == 200


async def test_neither_store_holds_a_code_or_a_link(pair: Pair, redis: Redis) -> None:
    person = await pair.person()
    tokens = await pair.clients[0].log_in(person)
    await pair.clients[0].post("/auth/forgot", {"email": person["email"]})
    await pair.clients[0].post("/auth/email/verification", None, **bearer(tokens))
    body = {"newEmail": "next@example.com", "password": person["password"]}
    await pair.clients[0].post("/auth/email", body, **bearer(tokens))
    letters = await pair.postbox.collect()
    assert len(letters) == 3
    await pair.clients[0].post("/auth/forgot", {"email": person["email"]})  # waits in the outbox
    secrets = [letter.values["code"].encode() for letter in letters]
    secrets += [token_of(letter)[25:].encode() for letter in letters]  # what is not the user's id
    held = [part async for pair_of in held_by(redis) for part in pair_of]
    held += [value for _, value in await rows_of(pair.database)]
    assert len([key async for key in redis.scan_iter("th:code:*")]) == 3
    assert [secret for secret in secrets if any(secret in part for part in held)] == []
    assert [part for part in held if part.startswith(b"th:code:") and person["email"].encode() in part] == []
