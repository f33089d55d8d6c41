"""Found by attack: order, replay, settings of yesterday."""

from typing import Any

import pyotp
import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.support.cognito import CognitoFailure
from tests.support.cognito_members import NEW, Somebody
from tests.support.builders import PASSWORD
from tests.support.postbox import MAIL

REQUIRED: dict[str, Any] = {"accounts": {"second_factor": "required"}}


async def setup(ground: Ground, email: str) -> tuple[str, str]:
    """(access token, secret)"""
    asked = await ground.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=email, PASSWORD=PASSWORD)
    told = await ground.cognito.call("AssociateSoftwareToken", Session=asked["Session"])
    secret = told["SecretCode"]
    now = ground.fakes.ambient.now()
    told = await ground.cognito.call(
        "VerifySoftwareToken", Session=told["Session"], UserCode=pyotp.TOTP(secret).at(now, counter_offset=-1)
    )
    done = await ground.cognito.call(
        "RespondToAuthChallenge",
        ChallengeName="MFA_SETUP",
        ClientId="tokenhouse",
        Session=told["Session"],
        ChallengeResponses={"USERNAME": email},
    )
    return done["AuthenticationResult"]["AccessToken"], secret


async def test_where_a_factor_is_required_a_token_does_not_turn_it_off(make_ground: MakeGround) -> None:
    """Off, the next login by the password alone sets up whoever's app."""
    ground = await make_ground(**REQUIRED)
    person = await ground.client.sign_up()
    access, _ = await setup(ground, str(person["email"]))
    refused = await ground.cognito.refused(
        "SetUserMFAPreference", AccessToken=access, SoftwareTokenMfaSettings={"Enabled": False}
    )
    assert refused.kind == "InvalidParameter"


async def test_a_mailed_sign_in_does_not_outlive_the_mails_that_count(make_ground: MakeGround) -> None:
    """EMAIL_OTP mails to one address: five an hour, whoever asks."""
    ground = await make_ground(
        mail=MAIL, throttle={"exempt": [], "mail_source": "999/1h", "mail_address": "5/1h"}
    )
    ada = Somebody(ground)
    await ada.sign_up()
    told = []
    for _ in range(8):
        try:
            got = await ground.cognito.initiate("USER_AUTH", USERNAME=ada.email, PREFERRED_CHALLENGE="EMAIL_OTP")
            told.append(got["ChallengeName"])
        except CognitoFailure as refused:
            told.append(str(refused))
    print(told)


async def test_second_choice_in_parallel(make_ground: MakeGround) -> None:
    import asyncio

    ground = await make_ground(mail=MAIL)
    ada = Somebody(ground)
    await ada.sign_up()
    await ada.postbox.collect()
    asked = await ground.cognito.initiate("USER_AUTH", USERNAME=ada.email)

    async def choose() -> str:
        try:
            got = await ground.cognito.call(
                "RespondToAuthChallenge",
                ChallengeName="SELECT_CHALLENGE",
                ClientId="tokenhouse",
                Session=asked["Session"],
                ChallengeResponses={"USERNAME": ada.email, "ANSWER": "PASSWORD", "PASSWORD": PASSWORD},
            )
            return "in" if "AuthenticationResult" in got else got["ChallengeName"]
        except CognitoFailure as refused:
            return str(refused)

    told = await asyncio.gather(*(choose() for _ in range(6)))
    print(told)
    assert told.count("in") <= 1
