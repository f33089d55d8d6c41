"""Several instances on the same stores are one service: what one of them has said, all of them know."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import Stores
from tests.conftest import Client, Instances, Serve, bearer, problem, real_settings
from tests.support import builders
from tests.support.databases import empty_database, operator


@pytest.fixture
async def two(instances: Instances) -> list[Client]:
    return await instances(2)


async def are_dead(clients: list[Client], tokens: dict[str, Any]) -> bool:
    """Whether every instance refuses the id token for everything, and the refresh token if there is one."""
    for client in clients:
        answers = [await client.me(tokens), await client.log_out(tokens)]
        if "refreshToken" in tokens:
            answers.append(await client.refresh(tokens))
        if [answer.status for answer in answers] != [401] * len(answers):
            return False
    return True


async def test_logout_closes_the_session_on_every_instance(two: list[Client]) -> None:
    here, there = two
    person = await here.sign_up()
    tokens, other = await here.log_in(person), await there.log_in(person)
    assert (await there.me(tokens)).status == 200
    assert (await there.log_out(tokens)).status == 200
    assert await are_dead(two, tokens)
    assert (await here.me(other)).status == 200
    assert (await here.refresh(other)).status == 200


async def test_a_session_is_refreshed_anywhere_and_ends_with_all_its_tokens(two: list[Client]) -> None:
    here, there = two
    tokens = await here.log_in(await here.sign_up())
    answer = await there.refresh(tokens)
    assert answer.status == 200
    renewed = await answer.json()
    assert (await here.me(renewed)).status == 200
    assert (await here.log_out(renewed)).status == 200
    assert await are_dead(two, tokens)
    assert await are_dead(two, renewed)


async def test_an_account_and_its_api_key_are_known_everywhere(two: list[Client]) -> None:
    here, there = two
    person = await here.sign_up()
    assert (await there.log_in(person))["apiKey"] == person["apiKey"]
    for client in two:
        answer = await client.get("/auth/me", **{"x-api-key": person["apiKey"]})
        assert answer.status == 200
        assert (await answer.json())["userId"] == person["userId"]


async def test_three_first_starts_at_once_on_an_empty_database_share_their_keys(
    embedded: Stores, redis: Redis, serve: Serve
) -> None:
    async with AsyncExitStack() as closing:
        await redis.ping()
        url = await closing.enter_async_context(empty_database(embedded))
        houses = [build(real_settings(embedded, database={"url": url}), Ambient()) for _ in range(3)]
        for application in houses:
            closing.push_async_callback(application.close)
        await asyncio.gather(*(application.open() for application in houses))
        clients = [await serve(application) for application in houses]
        published = [await (await client.get("/.well-known/jwks.json")).json() for client in clients]
        assert len(published[0]["keys"]) == 2  # the one that signs, and the one that will
        assert published[0] == published[1] == published[2]
        person = await clients[0].sign_up()
        for client in clients:
            tokens = await client.log_in(person)
            assert [(await other.me(tokens)).status for other in clients] == [200] * 3


async def test_of_thirty_parallel_sign_ups_of_one_address_one_wins(two: list[Client]) -> None:
    bodies = [builders.sign_up_body(email="Only@Example.com", firstName=f"Number {number}") for number in range(30)]
    answers = await asyncio.gather(*(two[i % 2].post("/auth/signup", body) for i, body in enumerate(bodies)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 29
    won = next(i for i, answer in enumerate(answers) if answer.status == 201)
    tokens = await two[0].log_in({"email": "only@example.com", "password": builders.PASSWORD})
    assert tokens["firstName"] == f"Number {won}"
    assert tokens["apiKey"] == (await answers[won].json())["apiKey"]


async def test_a_logout_among_refreshes_leaves_no_live_token(two: list[Client]) -> None:
    person = await two[0].sign_up()
    for _ in range(3):
        tokens = await two[0].log_in(person)
        refreshing = [asyncio.create_task(two[i % 2].refresh(tokens)) for i in range(20)]
        await asyncio.wait(refreshing, return_when=asyncio.FIRST_COMPLETED)
        assert (await two[1].log_out(tokens)).status == 200
        answers = await asyncio.gather(*refreshing)
        assert {answer.status for answer in answers} <= {200, 401}
        handed_out = [await answer.json() for answer in answers if answer.status == 200]
        assert handed_out
        assert await are_dead(two, tokens)
        for renewed in handed_out:
            assert await are_dead(two, renewed)


async def test_of_parallel_logouts_of_one_session_none_fails(two: list[Client]) -> None:
    tokens = await two[0].log_in(await two[0].sign_up())
    answers = await asyncio.gather(*(two[i % 2].log_out(tokens) for i in range(10)))
    assert {answer.status for answer in answers} <= {200, 401}
    assert 200 in {answer.status for answer in answers}
    assert await are_dead(two, tokens)


async def test_disabling_an_account_among_logins_leaves_no_session(two: list[Client], embedded: Stores) -> None:
    async with operator(real_settings(embedded)) as application:
        for _ in range(3):
            person = await two[0].sign_up()
            sent = {"email": person["email"], "password": person["password"]}
            logging_in = [asyncio.create_task(two[i % 2].post("/auth/login", sent)) for i in range(12)]
            await asyncio.wait(logging_in, return_when=asyncio.FIRST_COMPLETED)
            assert await application.accounts.disable(person["email"])
            answers = await asyncio.gather(*logging_in)
            assert {answer.status for answer in answers} <= {200, 401}
            held = [await answer.json() for answer in answers if answer.status == 200]
            assert held
            assert list(await application.sessions.refresh_sessions.ids_of(UUID(person["userId"]))) == []
            assert await application.accounts.enable(person["email"])  # so that a dead session alone is the reason
            for tokens in held:
                assert await are_dead(two, tokens)
            await two[0].log_in(person)


async def test_parallel_logins_on_two_instances_keep_the_cap_of_twenty(
    two: list[Client], redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person = await two[0].sign_up()
    held = await asyncio.gather(*(two[i % 2].log_in(person) for i in range(30)))
    alive = [tokens for i, tokens in enumerate(held) if (await two[i % 2].me(tokens)).status == 200]
    refreshed = [tokens for i, tokens in enumerate(held) if (await two[i % 2].refresh(tokens)).status == 200]
    assert alive == refreshed
    assert len(alive) == await redis.zcard(f"th:sessions:{person['userId']}") == 20
    assert await database.fetchval("SELECT count(*) FROM revocations") == 10


async def test_failures_are_counted_over_all_instances(instances: Instances) -> None:
    two = await instances(2, throttle={"exempt": [], "login_account_source": "5/5m"})
    person = await two[0].sign_up()
    wrong = {"email": person["email"], "password": "WrongPass1!"}
    for number in range(5):
        assert (await two[number % 2].post("/auth/login", wrong)).status == 401
    for client in two:
        for body in (wrong, {"email": person["email"], "password": person["password"]}):
            answer = await client.post("/auth/login", body)
            assert answer.status == 429
            assert 0 < int(answer.headers["Retry-After"]) <= 60
            assert problem(await answer.text())["code"] == "rate_limited"


async def test_unknown_refresh_tokens_are_counted_over_all_instances(instances: Instances) -> None:
    two = await instances(2, throttle={"exempt": [], "refresh_unknown": "4/1m"})
    tokens = await two[0].log_in(await two[0].sign_up())
    unknown = {"refreshToken": tokens["refreshToken"][:-4] + "AAAA"}
    statuses = [(await two[number % 2].refresh(unknown)).status for number in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    assert (await two[0].refresh(tokens)).status == 200  # a neighbour's bad tokens never stop a good one


async def test_a_token_of_another_installation_is_refused(two: list[Client], embedded: Stores, serve: Serve) -> None:
    async with AsyncExitStack() as closing:
        url = await closing.enter_async_context(empty_database(embedded))
        application = build(real_settings(embedded, database={"url": url}), Ambient())
        closing.push_async_callback(application.close)
        await application.open()
        elsewhere = await serve(application)
        tokens = await elsewhere.log_in(await elsewhere.sign_up())
        assert (await elsewhere.me(tokens)).status == 200
        for client in two:
            assert (await client.get("/auth/me", **bearer(tokens))).status == 401
