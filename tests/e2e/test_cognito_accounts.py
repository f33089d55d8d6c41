"""Accounts over Cognito's protocol on two instances and real stores, crosswise with /auth/*."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.embedded import Stores
from tests.conftest import Client, Serve, bearer, real_settings
from tests.contract.test_redis_keys import held_by, rows_of
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient, CognitoFailure
from tests.support.cognito_members import EXPIRED, LIMITED, MISMATCH, NEW, another, pairs
from tests.support.postbox import MAIL, Postbox

Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
ADA, NEXT, NOBODY = "ada@example.com", "Next@example.com", "nobody@example.com"
LIMITS = {"exempt": [], "mail_source": "99/1h", "code_source": "999/1h", "code_account": "999/1h"}


@dataclass
class Doors:
    """Of two instances. Nothing sends mails: the postbox writes them when it is told."""

    cognito: list[CognitoClient]
    clients: list[Client]
    applications: list[Application]

    @property
    def postbox(self) -> Postbox:
        return Postbox(self.applications[0])

    async def code(self) -> str:
        return (await self.postbox.one()).values["code"]

    async def member(self) -> str:
        """Her access token, after a sign-up at one instance and its proof at the other."""
        here, there = self.cognito
        await here.call("SignUp", ClientId="tokenhouse", Username=ADA, Password=PASSWORD)
        code = await self.code()
        await there.call("ConfirmSignUp", ClientId="tokenhouse", Username=ADA, ConfirmationCode=code)
        return str((await here.log_in(ADA, PASSWORD))["AccessToken"])


@pytest.fixture
async def doors(embedded: Stores, serve: Serve, redis: Redis, database: Database) -> AsyncIterator[Doors]:
    assert redis
    assert database
    async with AsyncExitStack() as closing:
        doors = Doors([], [], [])
        for _ in range(2):
            settings = real_settings(
                embedded, mail=MAIL, throttle=LIMITS, cognito={"enabled": True, "confirm_signup": True}
            )
            application = build(settings, Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            client = await serve(application)
            doors.applications.append(application)
            doors.clients.append(client)
            doors.cognito.append(CognitoClient(client.http))
        yield doors


async def kinds(calls: Sequence[Awaitable[Any]]) -> list[str]:
    """Of the errors; empty for an answer."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return sorted(one.kind if isinstance(one, CognitoFailure) else "" for one in answers)


async def test_an_account_is_one_on_both_doors_of_both_instances(doors: Doors) -> None:
    here, there = doors.cognito
    access = await doors.member()
    attributes = pairs(given_name="Ada", family_name="Lovelace", nickname="A. \U0001f469", email=NEXT)
    await there.call("UpdateUserAttributes", AccessToken=access, UserAttributes=attributes)
    code = await doors.code()
    assert (
        await here.refused("VerifyUserAttribute", AccessToken=access, AttributeName="email", Code=another(code))
        == MISMATCH
    )
    await here.call("VerifyUserAttribute", AccessToken=access, AttributeName="email", Code=code)
    user = await there.call("GetUser", AccessToken=access)
    shown = {one["Name"]: one["Value"] for one in user["UserAttributes"]}
    assert (shown["email"], shown["email_verified"], shown["nickname"]) == (NEXT, "true", "A. \U0001f469")
    tokens = await doors.clients[1].log_in({"email": NEXT, "password": PASSWORD})
    assert tokens["firstName"] == "Ada"
    exported = await (await doors.clients[0].get("/auth/export", **bearer(tokens))).json()
    assert exported["attributes"] == {"nickname": "A. \U0001f469"}
    await here.call("ChangePassword", AccessToken=access, PreviousPassword=PASSWORD, ProposedPassword=NEW)
    assert (await doors.clients[1].me(tokens)).status == 401
    await there.call("DeleteUserAttributes", AccessToken=access, UserAttributeNames=["nickname"])
    await there.call("DeleteUser", AccessToken=access)
    assert (await here.refused("GetUser", AccessToken=access)).message == "Access Token has been revoked"
    await here.call("SignUp", ClientId="tokenhouse", Username=NEXT.lower(), Password=PASSWORD)


async def test_of_parallel_confirmations_one_counts(doors: Doors) -> None:
    await doors.cognito[0].call("SignUp", ClientId="tokenhouse", Username=ADA, Password=PASSWORD)
    shown = {"ClientId": "tokenhouse", "Username": ADA, "ConfirmationCode": await doors.code()}
    found = await kinds([doors.cognito[number % 2].call("ConfirmSignUp", **shown) for number in range(20)])
    assert found[0] == ""
    assert set(found[1:]) <= {"ExpiredCode", "NotAuthorized", "LimitExceeded"}


@pytest.mark.parametrize("email", [ADA, NOBODY])
async def test_wrong_codes_meet_the_same_answers_for_everybody_at_once(doors: Doors, email: str) -> None:
    await doors.member()
    user = {"ClientId": "tokenhouse", "Username": email}
    guess = user | {"ConfirmationCode": "12345678", "Password": NEW}
    assert await doors.cognito[0].refused("ConfirmForgotPassword", **guess) == EXPIRED
    await doors.cognito[0].call("ForgotPassword", **user)
    for number in range(5):  # no mail is written yet
        assert await doors.cognito[number % 2].refused("ConfirmForgotPassword", **guess) == MISMATCH
    assert await doors.cognito[1].refused("ConfirmForgotPassword", **guess) == LIMITED
    await doors.postbox.collect()
    assert await doors.cognito[1].refused("ConfirmForgotPassword", **guess) == LIMITED


async def test_mails_in_parallel_are_five(doors: Doors) -> None:
    asked = [
        doors.cognito[number % 2].call("ForgotPassword", ClientId="tokenhouse", Username=NOBODY) for number in range(9)
    ]
    assert await kinds(asked) == [""] * 5 + ["LimitExceeded"] * 4


async def test_parallel_sign_ups_make_one_account(doors: Doors) -> None:
    new = {"ClientId": "tokenhouse", "Username": ADA, "Password": PASSWORD}
    found = await kinds([doors.cognito[number % 2].call("SignUp", **new) for number in range(6)])
    assert found == [""] + ["UsernameExists"] * 5


async def test_no_store_holds_a_code_and_every_record_of_one_expires(
    doors: Doors, redis: Redis, database: Database
) -> None:
    await doors.member()
    for email in (ADA, NOBODY):
        await doors.cognito[0].call("ForgotPassword", ClientId="tokenhouse", Username=email)
    assert await redis.keys("th:code:*")
    for key in await redis.keys("th:code:*"):
        assert 0 < await redis.pttl(key) <= 15 * 60 * 1000
    held = [part async for pair in held_by(redis) for part in pair]
    held += [value for _, value in await rows_of(database)]
    code = (await doors.code()).encode()
    assert not any(code in one for one in held)
