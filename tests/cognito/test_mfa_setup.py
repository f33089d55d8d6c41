"""MFA_SETUP: where each account must have a second factor, the first sign-in of one that has none sets it up."""

import json
from typing import Any, NamedTuple

import pyotp
import pytest

from tests.api.test_login_steps import methods, refused
from tests.api.test_second_factors import held
from tests.cognito.conftest import Ground, MakeGround
from tests.cognito.test_app_clients import as_auth
from tests.conftest import bearer
from tests.support import second_factors as second
from tests.support.builders import claims_of
from tests.support.cognito import CognitoClient
from tests.support.postbox import MAIL, Postbox

REQUIRED: dict[str, Any] = {"accounts": {"second_factor": "required"}}
FORGED = ("NotAuthorized", "Invalid session for the user.")
USED = ("NotAuthorized", "Invalid session for the user, session can only be used once.")
EXPIRED = ("NotAuthorized", "Invalid session for the user, session is expired.")


class Newcomer(NamedTuple):
    ground: Ground
    person: dict[str, Any]
    cognito: CognitoClient

    async def begin(self) -> str:
        parameters = {"USERNAME": self.person["email"], "PASSWORD": self.person["password"]}
        asked = await self.cognito.initiate("USER_PASSWORD_AUTH", **parameters)
        assert asked["ChallengeName"] == "MFA_SETUP"
        return str(asked["Session"])

    async def associate(self, session: str) -> tuple[str, str]:
        told = await self.cognito.call("AssociateSoftwareToken", Session=session)
        assert told.keys() == {"SecretCode", "Session"}
        return told["SecretCode"], told["Session"]

    async def verify(self, session: str, code: str) -> str:
        told = await self.cognito.call("VerifySoftwareToken", Session=session, UserCode=code)
        assert told["Status"] == "SUCCESS"
        return str(told["Session"])

    def answer(self, session: str, **more: str) -> dict[str, Any]:
        responses = {"USERNAME": self.person["email"]} | more
        return {
            "ChallengeName": "MFA_SETUP",
            "ClientId": self.cognito.client_id,
            "Session": session,
            "ChallengeResponses": responses,
        }

    async def finish(self, session: str, **more: str) -> dict[str, str]:
        told = await self.cognito.call("RespondToAuthChallenge", **self.answer(session, **more))
        return dict(told["AuthenticationResult"])

    async def refused(self, session: str, **more: str) -> tuple[str, str]:
        return await self.cognito.refused("RespondToAuthChallenge", **self.answer(session, **more))

    def code(self, secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(self.ground.fakes.ambient.now(), counter_offset=steps)

    async def verified(self) -> tuple[str, str]:
        secret, session = await self.associate(await self.begin())
        return secret, await self.verify(session, self.code(secret, -1))


@pytest.fixture
async def newcomer(make_ground: MakeGround) -> Newcomer:
    ground = await make_ground(**REQUIRED)
    return Newcomer(ground, await ground.client.sign_up(), ground.cognito)


async def test_the_first_sign_in_sets_up_an_app_and_then_hands_out_the_tokens(newcomer: Newcomer) -> None:
    parameters = {"USERNAME": newcomer.person["userId"], "PASSWORD": newcomer.person["password"]}
    asked = await newcomer.cognito.initiate("USER_PASSWORD_AUTH", **parameters)
    assert asked.keys() == {"ChallengeName", "Session", "ChallengeParameters"}
    assert asked["ChallengeParameters"] == {
        "MFAS_CAN_SETUP": json.dumps(["SOFTWARE_TOKEN_MFA"]),
        "USER_ID_FOR_SRP": newcomer.person["userId"],
    }
    assert 20 <= len(asked["Session"]) <= 2048
    secret, session = await newcomer.associate(asked["Session"])
    session = await newcomer.verify(session, newcomer.code(secret, -1))
    (row,) = newcomer.ground.fakes.users.rows.values()
    assert row.second_factor_since is None  # nothing has changed yet
    assert not await newcomer.ground.fakes.redis.keys("th:session:*")

    tokens = as_auth(await newcomer.finish(session, USERNAME=newcomer.person["userId"]))
    assert methods(tokens) == [["pwd", "otp"]] * 2
    assert (await newcomer.ground.client.me(tokens)).status == 200
    assert (await held(newcomer.ground.client, tokens))["recoveryCodesLeft"] == 0
    user = await newcomer.cognito.call("GetUser", AccessToken=tokens["accessToken"])
    assert user["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]


async def test_the_next_sign_in_asks_for_a_code_at_both_doors(newcomer: Newcomer) -> None:
    secret, session = await newcomer.verified()
    await newcomer.finish(session)
    parameters = {"USERNAME": newcomer.person["email"], "PASSWORD": newcomer.person["password"]}
    asked = await newcomer.cognito.initiate("USER_PASSWORD_AUTH", **parameters)
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    said = await (await second.log_in(newcomer.ground.client, newcomer.person)).json()
    assert said["factors"] == ["totp"]
    code = newcomer.code(secret)
    assert (await second.log_in(newcomer.ground.client, newcomer.person, code=code)).status == 200


async def test_an_app_that_was_set_up_at_auth_is_asked_for_here(newcomer: Newcomer) -> None:
    client = newcomer.ground.client
    challenge = {"challenge": await second.challenge(client, newcomer.person)}
    secret = (await (await client.post("/auth/login/totp", challenge)).json())["secret"]
    body = challenge | {"code": newcomer.code(secret, -1)}
    assert (await client.post("/auth/login/totp/confirm", body)).status == 200
    parameters = {"USERNAME": newcomer.person["email"], "PASSWORD": newcomer.person["password"]}
    asked = await newcomer.cognito.initiate("USER_PASSWORD_AUTH", **parameters)
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


async def test_each_session_is_good_for_its_step_once(newcomer: Newcomer) -> None:
    first = await newcomer.begin()
    secret, associated = await newcomer.associate(first)
    assert await newcomer.cognito.refused("AssociateSoftwareToken", Session=first) == USED
    verified = await newcomer.verify(associated, newcomer.code(secret))
    again = {"Session": associated, "UserCode": newcomer.code(secret)}
    assert await newcomer.cognito.refused("VerifySoftwareToken", **again) == USED
    await newcomer.finish(verified)
    assert await newcomer.refused(verified) == USED
    assert len(await newcomer.ground.fakes.redis.keys("th:session:*")) == 1


async def test_no_step_is_left_out(newcomer: Newcomer) -> None:
    first = await newcomer.begin()
    skipped = await newcomer.cognito.refused("VerifySoftwareToken", Session=first, UserCode="123456")
    assert skipped.kind == "SoftwareTokenMFANotFound"
    assert (await newcomer.refused(first))[0] == "SoftwareTokenMFANotFound"
    _, associated = await newcomer.associate(first)
    assert (await newcomer.refused(associated))[0] == "SoftwareTokenMFANotFound"
    assert not await newcomer.ground.fakes.redis.keys("th:session:*")


async def test_a_wrong_code_enables_nothing_and_the_session_goes_on(newcomer: Newcomer) -> None:
    secret, session = await newcomer.associate(await newcomer.begin())
    wrong = await newcomer.cognito.refused("VerifySoftwareToken", Session=session, UserCode=newcomer.code(secret, 5))
    assert wrong == ("EnableSoftwareTokenMFA", "Code mismatch and fail enable Software Token MFA")
    await newcomer.finish(await newcomer.verify(session, newcomer.code(secret)))


async def test_guesses_are_counted(newcomer: Newcomer) -> None:
    secret, session = await newcomer.associate(await newcomer.begin())
    for _ in range(5):
        wrong = {"Session": session, "UserCode": newcomer.code(secret, 5)}
        assert (await newcomer.cognito.refused("VerifySoftwareToken", **wrong)).kind == "EnableSoftwareTokenMFA"
    right = {"Session": session, "UserCode": newcomer.code(secret)}
    assert await newcomer.cognito.refused("VerifySoftwareToken", **right) == FORGED


async def test_another_secret_voids_the_code_of_the_one_before(newcomer: Newcomer) -> None:
    secret, session = await newcomer.verified()
    another, associated = await newcomer.associate(session)
    assert (await newcomer.refused(associated))[0] == "SoftwareTokenMFANotFound"
    await newcomer.finish(await newcomer.verify(associated, newcomer.code(another, -1)))
    code = newcomer.code(secret)
    assert await refused(second.log_in(newcomer.ground.client, newcomer.person, code=code)) == (401, "invalid_code")


async def test_a_session_belongs_to_one_user_and_client(make_ground: MakeGround) -> None:
    ground = await make_ground({"clients": "shop"}, **REQUIRED)
    ada = Newcomer(ground, await ground.client.sign_up(), ground.cognito)
    eve = await ground.client.sign_up()
    _, session = await ada.verified()
    assert await ada.refused(session, USERNAME=eve["email"]) == FORGED
    assert await ada._replace(cognito=ground.of_client("shop")).refused(session) == FORGED
    assert claims_of((await ada.finish(session))["IdToken"])["sub"] == ada.person["userId"]


async def test_the_tokens_are_of_the_client_that_began(make_ground: MakeGround) -> None:
    ground = await make_ground({"clients": "shop"}, **REQUIRED)
    shopper = Newcomer(ground, await ground.client.sign_up(), ground.of_client("shop"))
    _, session = await shopper.verified()
    tokens = await shopper.finish(session)
    assert claims_of(tokens["IdToken"])["aud"] == claims_of(tokens["AccessToken"])["client_id"] == "shop"


async def test_a_client_with_a_secret_proves_it_at_the_end(make_ground: MakeGround) -> None:
    ground = await make_ground({"clients": "shop:" + "s" * 32}, **REQUIRED)
    person = await ground.client.sign_up()
    refusal = await Newcomer(ground, person, ground.of_client("shop")).refused("x" * 40)
    assert "SECRET_HASH was not received" in refusal[1]


@pytest.mark.parametrize("session", ["x" * 40, "0" * 2048])
async def test_a_made_up_session_is_refused(newcomer: Newcomer, session: str) -> None:
    assert await newcomer.cognito.refused("AssociateSoftwareToken", Session=session) == FORGED
    assert await newcomer.cognito.refused("VerifySoftwareToken", Session=session, UserCode="123456") == FORGED
    assert await newcomer.refused(session) == FORGED


async def test_a_session_of_another_challenge_sets_nothing_up(newcomer: Newcomer) -> None:
    asked = await newcomer.cognito.initiate("USER_AUTH", USERNAME=newcomer.person["email"])
    assert await newcomer.cognito.refused("AssociateSoftwareToken", Session=asked["Session"]) == FORGED
    assert await newcomer.refused(asked["Session"]) == FORGED


async def test_a_session_expires(newcomer: Newcomer) -> None:
    first = await newcomer.begin()
    newcomer.ground.fakes.ambient.advance(minutes=3)
    assert await newcomer.cognito.refused("AssociateSoftwareToken", Session=first) == EXPIRED


async def test_the_password_is_asked_for_again_after_five_minutes(newcomer: Newcomer) -> None:
    """The session may be younger than the challenge that it stands for."""
    secret, session = await newcomer.verified()
    (key,) = await newcomer.ground.fakes.redis.keys("th:challenge:*")
    await newcomer.ground.fakes.redis.pexpire(key, 0)
    assert await newcomer.refused(session) == EXPIRED
    parameters = {"USERNAME": newcomer.person["email"], "PASSWORD": newcomer.person["password"]}
    assert (await newcomer.cognito.initiate("USER_PASSWORD_AUTH", **parameters))["ChallengeName"] == "MFA_SETUP"
    assert secret


async def test_it_ends_with_the_account_as_it_was(newcomer: Newcomer) -> None:
    _, session = await newcomer.verified()
    assert await newcomer.ground.fakes.application.accounts.disable(newcomer.person["email"])
    assert await newcomer.refused(session) == FORGED
    assert not await newcomer.ground.fakes.redis.keys("th:session:*")


async def test_a_session_or_an_access_token_is_sent_and_not_both(newcomer: Newcomer) -> None:
    session = await newcomer.begin()
    for members in ({}, {"Session": session, "AccessToken": "a.b.c"}):
        assert (await newcomer.cognito.refused("AssociateSoftwareToken", **members)).kind == "InvalidParameter"
        refusal = await newcomer.cognito.refused("VerifySoftwareToken", UserCode="123456", **members)
        assert refusal.kind == "InvalidParameter"
    responses = {"USERNAME": newcomer.person["email"]}
    answer = {"ChallengeName": "MFA_SETUP", "ClientId": "tokenhouse", "ChallengeResponses": responses}
    refusal = await newcomer.cognito.refused("RespondToAuthChallenge", **answer)
    assert refusal == ("InvalidParameter", "Missing required parameter Session")


async def test_a_password_that_is_chosen_leads_to_it_too(newcomer: Newcomer) -> None:
    parameters = {
        "USERNAME": newcomer.person["email"],
        "PASSWORD": newcomer.person["password"],
        "PREFERRED_CHALLENGE": "PASSWORD",
    }
    assert (await newcomer.cognito.initiate("USER_AUTH", **parameters))["ChallengeName"] == "MFA_SETUP"


async def test_a_mailed_code_leads_to_it_too_and_the_tokens_say_how(make_ground: MakeGround) -> None:
    ground = await make_ground(mail=MAIL, **REQUIRED)
    newcomer = Newcomer(ground, await ground.client.sign_up(), ground.cognito)
    postbox = Postbox(ground.fakes.application)
    await postbox.collect()
    (user,) = ground.fakes.users.rows.values()
    assert await ground.fakes.application.backends.proved_users.prove(user, ground.fakes.ambient.now())
    parameters = {"USERNAME": newcomer.person["email"], "PREFERRED_CHALLENGE": "EMAIL_OTP"}
    asked = await newcomer.cognito.initiate("USER_AUTH", **parameters)
    letter = await postbox.one()
    answer = newcomer.answer(asked["Session"], EMAIL_OTP_CODE=letter.values["code"]) | {"ChallengeName": "EMAIL_OTP"}
    asked = await newcomer.cognito.call("RespondToAuthChallenge", **answer)
    assert asked["ChallengeName"] == "MFA_SETUP"
    secret, session = await newcomer.associate(asked["Session"])
    tokens = await newcomer.finish(await newcomer.verify(session, newcomer.code(secret)))
    assert claims_of(tokens["IdToken"])["amr"] == ["email", "otp"]


async def test_where_it_is_removed_with_the_password_the_next_sign_in_sets_it_up_again(newcomer: Newcomer) -> None:
    """By an access token alone it stays: the next sign-in, with the password alone, would set up anybody's app."""
    secret, session = await newcomer.verified()
    tokens = await newcomer.finish(session)
    off = {"SoftwareTokenMfaSettings": {"Enabled": False}}
    refusal = await newcomer.cognito.refused("SetUserMFAPreference", AccessToken=tokens["AccessToken"], **off)
    assert refusal[0] == "InvalidParameter"
    body = {"password": newcomer.person["password"], "code": newcomer.code(secret)}
    removing = newcomer.ground.client.http.delete("/auth/factors/totp", headers=bearer(as_auth(tokens)), json=body)
    assert (await removing).status == 204
    newcomer.ground.fakes.ambient.advance(seconds=90)
    _, session = await newcomer.verified()
    again = as_auth(await newcomer.finish(session))
    assert (await newcomer.ground.client.get("/auth/factors", **bearer(again))).status == 200
