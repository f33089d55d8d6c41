"""Found by attack: order, replay, settings of yesterday."""

import base64
import hmac
import json
from typing import Any

import pyotp

from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.builders import PASSWORD
from tests.support.cognito import SERVICE, CognitoFailure
from tests.support.cognito_members import Somebody
from tests.support.postbox import MAIL, prove

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
    ground = await make_ground(mail=MAIL, throttle={"exempt": [], "mail_source": "999/1h", "mail_address": "5/1h"})
    ada = Somebody(ground)
    await ada.sign_up()
    told = []
    for _ in range(8):
        try:
            got = await ground.cognito.initiate("USER_AUTH", USERNAME=ada.email, PREFERRED_CHALLENGE="EMAIL_OTP")
            told.append(got["ChallengeName"])
        except CognitoFailure as refused:
            told.append(str(refused))


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
    assert told.count("in") <= 1


async def test_a_switch_that_ends_sessions_and_fills_the_audit_trail_has_a_limit(make_ground: MakeGround) -> None:
    """As api_keys.rotation and names have: each turn is an event, a revocation and a mail."""
    ground = await make_ground(mail=MAIL, throttle={"exempt": []})
    ada = Somebody(ground)
    sub = (await ada.sign_up())["UserSub"]
    prove(ground.fakes.users, {"userId": sub})
    await ada.log_in()
    secret = (await ada.call("AssociateSoftwareToken"))["SecretCode"]
    await ada.call("VerifySoftwareToken", UserCode=pyotp.TOTP(secret).at(ground.fakes.ambient.now()))
    turns = 0
    try:
        for _ in range(100):
            for wanted in (True, False):
                await ada.call("SetUserMFAPreference", SoftwareTokenMfaSettings={"Enabled": wanted})
                turns += 1
    except CognitoFailure as refused:
        assert "xceeded" in str(refused)
    await ada.postbox.collect()
    assert turns < 100, f"{turns} turns and {len(ada.postbox.notices)} mails to the owner"


async def test_without_a_secret_hash_a_spent_refresh_token_does_nothing(make_ground: MakeGround) -> None:
    """Who cannot prove to be the client ends no session: a spent token may lie in any log."""
    secret = "s3cret_of_an_app_client_0123456789"
    ground = await make_ground(
        cognito={"clients": f"shop:{secret}"}, tokens={"refresh_rotation": True, "refresh_grace": "0s"}
    )
    shop = ground.of_client("shop")

    def hashed(name: str) -> str:
        return base64.b64encode(hmac.digest(secret.encode(), (name + "shop").encode(), "sha256")).decode()

    person = await ground.client.sign_up()
    email = str(person["email"])
    first = (await shop.initiate("USER_PASSWORD_AUTH", USERNAME=email, PASSWORD=PASSWORD, SECRET_HASH=hashed(email)))[
        "AuthenticationResult"
    ]
    await shop.initiate(
        "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=first["RefreshToken"], USERNAME=email, SECRET_HASH=hashed(email)
    )
    try:
        await shop.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=first["RefreshToken"], SECRET_HASH="wrong")
    except CognitoFailure as refused:
        assert "secret hash" in str(refused)  # noqa: PT017 - what is asserted next is worse
    await shop.call("GetUser", AccessToken=first["AccessToken"])


async def test_totp_tries_over_many_challenges_are_limited(make_ground: MakeGround) -> None:
    ground = await make_ground(throttle={"exempt": []})
    ada = Somebody(ground)
    await ada.sign_up()
    await ada.log_in()
    secret = (await ada.call("AssociateSoftwareToken"))["SecretCode"]
    await ada.call("VerifySoftwareToken", UserCode=pyotp.TOTP(secret).at(ground.fakes.ambient.now()))
    await ada.call("SetUserMFAPreference", SoftwareTokenMfaSettings={"Enabled": True})
    judged = 0
    for turn in range(15):
        try:
            begun = await ground.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=ada.email, PASSWORD=PASSWORD)
            await ground.cognito.call(
                "RespondToAuthChallenge",
                ChallengeName="SOFTWARE_TOKEN_MFA",
                ClientId="tokenhouse",
                Session=begun["Session"],
                ChallengeResponses={"USERNAME": ada.email, "SOFTWARE_TOKEN_MFA_CODE": f"{turn:06}"},
            )
        except CognitoFailure as refused:
            judged += refused.kind == "CodeMismatch"
    assert judged <= 5, judged


async def test_what_cognito_began_without_a_password_is_not_finished_at_auth(make_ground: MakeGround) -> None:
    """POST /auth/factors/totp asks for the password; its second half must not take an app that was begun without."""
    ground = await make_ground()
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(str(person["email"]), PASSWORD)
    secret = (await ground.cognito.call("AssociateSoftwareToken", AccessToken=tokens["AccessToken"]))["SecretCode"]
    code = pyotp.TOTP(secret).at(ground.fakes.ambient.now())
    answer = await ground.client.post(
        "/auth/factors/totp/confirm", {"code": code}, **bearer({"idToken": tokens["IdToken"]})
    )
    assert answer.status != 200, (await answer.json()).keys()


async def test_a_strange_source_is_not_known_by_an_app_of_its_own(make_ground: MakeGround) -> None:
    """A known source is exempt from the account's own limit for 30 days: a stolen token must not make one."""
    ground = await make_ground(throttle={"exempt": []}, server={"trusted_proxies": ["127.0.0.0/8"]})
    person = await ground.client.sign_up()
    email = str(person["email"])
    access = (await ground.cognito.log_in(email, PASSWORD))["AccessToken"]

    async def at(source: str, operation: str, **members: Any) -> dict[str, Any]:
        body = json.dumps(members).encode()
        answer = await ground.cognito.send(f"{SERVICE}.{operation}", body, **{"X-Forwarded-For": source})
        return dict(await answer.json(content_type=None))

    judged = 0
    for number in range(6):
        source = f"198.51.100.{number}"
        secret = (await at(source, "AssociateSoftwareToken", AccessToken=access))["SecretCode"]
        code = pyotp.TOTP(secret).at(ground.fakes.ambient.now())
        await at(source, "VerifySoftwareToken", AccessToken=access, UserCode=code)
        for _ in range(6):
            told = await at(
                source,
                "InitiateAuth",
                ClientId="tokenhouse",
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": "Wrong-Guess1!"},
            )
            judged += told["message"] == "Incorrect username or password."
    assert judged <= 10, judged
