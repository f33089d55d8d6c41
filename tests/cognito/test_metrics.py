"""What Prometheus is told of Cognito's calls: operations and errors of the tables, and nothing that a client chose."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.api.test_metrics import Watched, watch
from tests.cognito.conftest import Ground
from tests.support.cognito import SERVICE, CognitoClient


@pytest.fixture
async def watched(ground: Ground) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as closing:
        yield await watch(ground.fakes, closing)


async def test_calls_are_counted_by_their_operation(watched: Watched) -> None:
    client = CognitoClient(watched.client.http)
    person = await watched.client.sign_up()
    before = await watched.series()
    tokens = await client.log_in(person["email"], person["password"])
    await client.call("GetUser", AccessToken=tokens["AccessToken"])
    await CognitoClient(watched.client.http, "/eu-central-1_tokenhouse").call(
        "GetUser", AccessToken=tokens["AccessToken"]
    )
    grown = await watched.grown(before, "http_request_duration_seconds_count")
    assert {name: count for name, count in grown.items() if " / " in name} == {
        "POST / InitiateAuth 200": 1,
        "POST / GetUser 200": 2,
    }
    assert await watched.grown(before, "cognito_refusals_total") == {}
    assert (await watched.grown(before, "logins_total")) == {"success": 1}


async def test_refusals_are_counted_by_operation_and_error(watched: Watched) -> None:
    client = CognitoClient(watched.client.http)
    person = await watched.client.sign_up()
    before = await watched.series()
    given = {"USERNAME": person["email"], "PASSWORD": "Wrong-pass1"}
    for _ in range(2):
        await client.refused("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="tokenhouse", AuthParameters=given)
    await client.refused("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="nobody")
    await client.refused("GetUser")
    for chosen in (f"{SERVICE}.Nothing{'x' * 40}", f"{SERVICE}.AdminGetUser", "", "GetUser", "Другой"):
        await client.send(chosen.encode().decode("latin-1"), b"{}")
    await client.send(f"{SERVICE}.GetUser", b"[")
    await client.send(f"{SERVICE}.GetUser", b"x" * 70_000)
    await watched.client.http.get("/auth/me")
    assert await watched.grown(before, "cognito_refusals_total") == {
        "NotAuthorizedException InitiateAuth": 2,
        "ResourceNotFoundException InitiateAuth": 1,
        "InvalidParameterException GetUser": 1,
        "SerializationException GetUser": 1,
        "RequestEntityTooLargeException GetUser": 1,
        "UnknownOperationException none": 4,
        "MissingAuthenticationTokenException none": 1,
    }
    assert (await watched.grown(before, "logins_total")) == {"failure wrong_password": 2}
