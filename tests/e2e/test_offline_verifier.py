"""A verifier that never asks about a token learns of every ending, on whichever instance it happened."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Client, Instances
from tests.support.resource_servers import KNOWN, introspect
from tests.support.verifiers import refuses, verifier_of
from tests.support.waiting import until
from tokenhouse_verify import Verifier


@pytest.fixture
async def two(instances: Instances) -> list[Client]:
    return await instances(2, introspection=KNOWN)


async def learns(verifier: Verifier, tokens: dict[str, Any]) -> None:
    async def has_learned() -> bool:
        await verifier.refresh()
        return refuses(verifier, tokens["idToken"])

    await until(has_learned)


async def test_an_ending_on_one_instance_reaches_the_verifier_of_another(two: list[Client]) -> None:
    here, there = two
    person = await here.sign_up()
    tokens, other = await here.log_in(person), await there.log_in(person)
    async with verifier_of(there) as verifier:
        assert verifier.verify(tokens["idToken"]).user_id == person["userId"]
        assert (await here.log_out(tokens)).status == 200
        await learns(verifier, tokens)
        assert not (await introspect(there, tokens["idToken"]))["active"]
        assert (await introspect(there, other["idToken"]))["active"]
        answer = await here.http.post("/auth/revoke", data={"token": other["refreshToken"]})
        assert answer.status == 200
        await learns(verifier, other)
        assert (await there.refresh(other)).status == 401


async def test_a_cursor_of_one_instance_serves_at_every_other(two: list[Client]) -> None:
    person = await two[0].sign_up()
    held = [await two[number % 2].log_in(person) for number in range(6)]
    async with verifier_of(two[0]) as verifier:
        for number, tokens in enumerate(held):
            verifier._base_url = f"http://127.0.0.1:{two[number % 2].port}"
            verifier.verify(tokens["idToken"])
            assert (await two[(number + 1) % 2].log_out(tokens)).status == 200
            await learns(verifier, tokens)
        assert verifier.revoked == len(held)


async def test_a_verifier_polls_by_itself(two: list[Client]) -> None:
    tokens = await two[0].log_in(await two[0].sign_up())
    async with verifier_of(two[1], poll=0.05) as verifier:
        verifier.verify(tokens["idToken"])
        assert (await two[0].log_out(tokens)).status == 200

        async def has_learned() -> bool:
            return refuses(verifier, tokens["idToken"])

        await until(has_learned)


async def test_among_parallel_logouts_on_both_instances_none_is_missed(two: list[Client]) -> None:
    person = await two[0].sign_up()
    held = [await two[number % 2].log_in(person) for number in range(18)]
    async with verifier_of(two[0], poll=0.02) as verifier:
        answers = await asyncio.gather(*(two[number % 2].log_out(tokens) for number, tokens in enumerate(held)))
        assert {answer.status for answer in answers} == {200}

        async def has_learned_all() -> bool:
            return all(refuses(verifier, tokens["idToken"]) for tokens in held)

        await until(has_learned_all)
