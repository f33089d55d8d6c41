"""Two doors, two instances, one house: what happens at one is so at the other, on the other instance, at once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from redis.asyncio import Redis

from service.embedded import Stores
from tests.conftest import Client, Serve, bearer
from tests.support.cognito import CognitoClient
from tests.support.cognito_town import AuthenticatorApp, Town, town

FIRST, SECOND = "SecurePass1!", "Another-Pass2!"


@dataclass(frozen=True)
class Crossing:
    """The protocol at one instance, the API at the other."""

    cognito: CognitoClient
    api: Client
    town: Town

    async def sees(self, id_token: str) -> int:
        """What the API answers to a token."""
        return (await self.api.me({"idToken": id_token})).status


@pytest.fixture
async def crossing(
    embedded: Stores, serve: Serve, redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Crossing]:
    async with town(embedded, serve) as place:
        yield Crossing(CognitoClient(place.here.http), place.there, place)


async def test_an_account_of_either_door_logs_in_at_the_other(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens = await crossing.cognito.log_in(person["email"], person["password"])
    assert await crossing.sees(tokens["IdToken"]) == 200
    own = await crossing.api.log_in(person)
    assert (await crossing.cognito.call("GetUser", AccessToken=own["accessToken"]))["Username"] == person["userId"]


async def test_who_signed_up_with_cognito_logs_in_at_the_api(crossing: Crossing) -> None:
    attributes = [{"Name": "email", "Value": "ada@example.com"}]
    done = await crossing.cognito.call(
        "SignUp", ClientId="tokenhouse", Username="ada@example.com", Password=FIRST, UserAttributes=attributes
    )
    tokens = await crossing.api.log_in({"email": "ada@example.com", "password": FIRST})
    me = await (await crossing.api.me(tokens)).json()
    assert (me["userId"], me["firstName"], me["lastName"]) == (done["UserSub"], "", "")


async def test_a_logout_at_the_api_ends_the_access_token_in_cognito(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens = await crossing.cognito.log_in(person["email"], person["password"])
    await crossing.cognito.call("GetUser", AccessToken=tokens["AccessToken"])  # remembered from now on
    out = await crossing.api.post(
        "/auth/logout", {"accessToken": tokens["AccessToken"]}, **bearer({"idToken": tokens["IdToken"]})
    )
    assert out.status == 200
    refusal = await crossing.cognito.refused("GetUser", AccessToken=tokens["AccessToken"])
    assert refusal == ("NotAuthorized", "Access Token has been revoked")
    refusal = await crossing.cognito.refused(
        "InitiateAuth",
        ClientId="tokenhouse",
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )
    assert refusal.kind in ("NotAuthorized", "InvalidParameter")


async def test_a_global_sign_out_ends_id_tokens_at_the_api_and_is_told_in_the_feed(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens, own = await crossing.cognito.log_in(person["email"], FIRST), await crossing.api.log_in(person)
    assert await crossing.sees(own["idToken"]) == await crossing.sees(tokens["IdToken"]) == 200
    before = await revoked(crossing)
    await crossing.cognito.call("GlobalSignOut", AccessToken=tokens["AccessToken"])
    for id_token in (tokens["IdToken"], own["idToken"]):
        assert await crossing.sees(id_token) == 401
    assert (await crossing.api.refresh(own)).status == 401
    assert await revoked(crossing) - before == 2
    refusal = await crossing.cognito.refused("GetUser", AccessToken=own["accessToken"])
    assert refusal.message == "Access Token has been revoked"


async def revoked(crossing: Crossing) -> int:
    """How many sessions Postgres remembers as ended, of which the feed tells."""
    postgres = crossing.town.application.backends.postgres
    assert postgres
    rows = await postgres.fetch("SELECT 1 FROM revocations")
    return len(rows)


async def test_a_new_password_is_the_one_of_both_doors(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens, own = await crossing.cognito.log_in(person["email"], FIRST), await crossing.api.log_in(person)
    await crossing.cognito.call(
        "ChangePassword", AccessToken=tokens["AccessToken"], PreviousPassword=FIRST, ProposedPassword=SECOND
    )
    assert await crossing.sees(own["idToken"]) == 401
    assert await crossing.sees(tokens["IdToken"]) == 200
    answer = await crossing.api.post("/auth/login", {"email": person["email"], "password": FIRST})
    assert answer.status == 401
    await crossing.api.log_in(person | {"password": SECOND})


async def test_who_left_through_one_door_is_known_at_none(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens, own = await crossing.cognito.log_in(person["email"], FIRST), await crossing.api.log_in(person)
    await crossing.cognito.call("DeleteUser", AccessToken=own["accessToken"])
    assert await crossing.sees(tokens["IdToken"]) == await crossing.sees(own["idToken"]) == 401
    assert (await crossing.api.get("/auth/me", **{"x-api-key": person["apiKey"]})).status == 401
    refusal = await crossing.cognito.refused("GetUser", AccessToken=tokens["AccessToken"])
    assert refusal.kind == "NotAuthorized"


async def test_a_second_factor_set_through_one_door_is_asked_at_the_other(crossing: Crossing) -> None:
    person = await crossing.api.sign_up()
    tokens = await crossing.cognito.log_in(person["email"], FIRST)
    given = {"AccessToken": tokens["AccessToken"]}
    app = AuthenticatorApp((await crossing.cognito.call("AssociateSoftwareToken", **given))["SecretCode"])
    await crossing.cognito.call("VerifySoftwareToken", UserCode=app.code(), **given)
    on = {"Enabled": True, "PreferredMfa": True}
    await crossing.cognito.call("SetUserMFAPreference", SoftwareTokenMfaSettings=on, **given)
    asked = await crossing.api.post("/auth/login", {"email": person["email"], "password": FIRST})
    begun = await asked.json()
    assert (asked.status, begun["code"]) == (401, "second_factor_required")
    done = await crossing.api.post("/auth/login/challenge", {"challenge": begun["challenge"], "code": app.code()})
    assert done.status == 200
    own = await done.json()
    assert (await crossing.cognito.call("GetUser", AccessToken=own["accessToken"]))["PreferredMfaSetting"] == (
        "SOFTWARE_TOKEN_MFA"
    )
    challenge = await crossing.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=person["email"], PASSWORD=FIRST)
    assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "AuthenticationResult" not in challenge
