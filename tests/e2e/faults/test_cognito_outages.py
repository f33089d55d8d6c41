"""When a store fails, Cognito's clients are told that the service failed, and never that they are not who they are.

They throw their tokens away when they are told that.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from service.cognito.operations import OPERATIONS
from service.embedded import EmbeddedPostgres, EmbeddedRedis, Stores
from service.embedded.server import EmbeddedServer
from tests.support.cognito import CognitoClient, CognitoFailure
from tests.support.cognito_bodies import well_formed
from tests.support.fault_instances import Instance
from tests.support.outages import HANG
from tests.support.waiting import until

# What an operation answers that has nothing to ask a store
TYPED = {
    "InvalidParameter",
    "ResourceNotFound",
    "Serialization",
    "UserPoolAddOnNotEnabled",
    "WebAuthnNotEnabled",
}
ON = {
    "cognito": {"enabled": True, "srp": True},
    "mail": {"url": "smtp://mail.example.com", "sender": "accounts@example.com"},  # nobody connects to it
}
CHOICE = "InitiateAuth choice"  # its answer is the same for everybody
A_IN_SRP = "2" + "0" * 700  # any number that is no multiple of the group's prime


async def said_by(client: CognitoClient, operation: str, members: dict[str, object]) -> tuple[int, str]:
    """Status, and the error's name."""
    try:
        async with asyncio.timeout(HANG):
            await client.call(operation, **members)
    except CognitoFailure as failure:
        return failure.status, failure.kind
    return 200, ""


async def other_ways(
    client: CognitoClient, person: dict[str, str], tokens: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Flows and steps besides those of a well-formed body."""
    given = {"USERNAME": person["email"]}
    begun = await client.initiate("USER_AUTH", **given)
    flows: dict[str, tuple[str, dict[str, str]]] = {
        "InitiateAuth refresh": ("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": tokens["RefreshToken"]}),
        CHOICE: ("USER_AUTH", given),
        "InitiateAuth mail": ("USER_AUTH", given | {"PREFERRED_CHALLENGE": "EMAIL_OTP"}),
        "InitiateAuth proof": ("USER_SRP_AUTH", given | {"SRP_A": A_IN_SRP}),
    }
    first = {
        name: {"ClientId": "tokenhouse", "AuthFlow": flow, "AuthParameters": parameters}
        for name, (flow, parameters) in flows.items()
    }
    second = {
        "ClientId": "tokenhouse",
        "ChallengeName": "SELECT_CHALLENGE",
        "Session": begun["Session"],
        "ChallengeResponses": given | {"ANSWER": "PASSWORD", "PASSWORD": person["password"]},
    }
    return first | {"RespondToAuthChallenge password": second}


@pytest.mark.parametrize(
    ("server", "needless"),
    [
        # answered from the request alone, or from the token and the denylist
        (
            EmbeddedRedis,
            {"UpdateAuthEventFeedback", "RespondToAuthChallenge", "InitiateAuth mail", "InitiateAuth proof", CHOICE},
        ),
        (
            EmbeddedPostgres,
            {
                "CompleteWebAuthnRegistration",
                "ConfirmDevice",
                "DeleteWebAuthnCredential",
                "ForgetDevice",
                "GetDevice",
                "ListDevices",
                "ListUserSessions",
                "ListWebAuthnCredentials",
                "RespondToAuthChallenge",
                "RevokeUserSession",
                "SetUserSettings",
                "StartWebAuthnRegistration",
                "UpdateAuthEventFeedback",
                "UpdateDeviceStatus",
                CHOICE,
            },
        ),
    ],
)
async def test_without_a_store_no_operation_of_cognito_says_that_its_caller_is_not_authorized(
    own: Stores, instance: Instance, server: type[EmbeddedServer], needless: set[str]
) -> None:
    door = await instance(**ON)
    client = CognitoClient(door.http)
    person = await door.sign_up()
    tokens = await client.log_in(person["email"], person["password"])
    bodies = {name: well_formed(name, person, tokens) for name in OPERATIONS}
    bodies |= await other_ways(client, person, tokens)
    [broken] = [one for one in (own.redis, own.postgres) if isinstance(one, server)]
    broken.kill()
    try:
        for name, members in bodies.items():
            status, kind = await said_by(client, name.partition(" ")[0], members)
            if name in needless:
                assert status == 200 or (status, kind) == (503, "InternalError") or kind in TYPED, (name, status, kind)
            else:
                assert (status, kind) == (503, "InternalError"), name
    finally:
        broken.start()

    async def works() -> bool:
        return (await said_by(client, "GetUser", bodies["GetUser"]))[0] == 200

    await until(works)


Break = Callable[[EmbeddedServer], None]


@pytest.mark.parametrize(("stop", "go_on"), [(EmbeddedRedis.pause, EmbeddedRedis.resume)])
async def test_a_redis_that_hangs_is_an_outage_to_cognitos_clients_too(
    own: Stores, instance: Instance, stop: Break, go_on: Break
) -> None:
    door = await instance(**ON)
    client = CognitoClient(door.http)
    person = await door.sign_up()
    tokens = await client.log_in(person["email"], person["password"])
    stop(own.redis)
    try:
        for name in ("GetUser", "InitiateAuth"):
            said = await said_by(client, name, well_formed(name, person, tokens))
            assert said == (503, "InternalError")
    finally:
        go_on(own.redis)
