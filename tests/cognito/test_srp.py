"""USER_SRP_AUTH and PASSWORD_VERIFIER: the words of the protocol for what `tests/domain/test_srp_login.py` decides."""

import base64
import re
from contextlib import ExitStack
from typing import Any

import pytest

from service.domain.models import Visitor
from service.domain.srp.group import MODULUS
from tests.cognito.conftest import Ground, MakeGround
from tests.support import builders
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient, Refused
from tests.support.postbox import MAIL
from tests.support.srp import SrpClient, changed

WRONG = Refused("NotAuthorized", "Incorrect username or password.")
OFF = Refused("InvalidParameter", "USER_SRP_AUTH is not enabled for the client.")
NOBODY = Refused("UserNotFound", "User does not exist.")
STRANGER = "nobody@example.com"
SECRET = "s3cret_of_an_app_client_0123456789"


@pytest.fixture
async def on(make_ground: MakeGround) -> Ground:
    return await make_ground(cognito={"srp": True})


def attempt(ground: Ground, username: str, password: str = PASSWORD, **more: Any) -> SrpClient:
    return SrpClient(username, password, ground.fakes.ambient.now(), **more)


async def begin(ground: Ground, username: str, password: str = PASSWORD) -> tuple[dict[str, str], dict[str, str]]:
    """ChallengeParameters, and what the client would respond."""
    client = attempt(ground, username, password)
    begun = await ground.cognito.initiate("USER_SRP_AUTH", **client.parameters)
    assert begun["ChallengeName"] == "PASSWORD_VERIFIER"
    challenge = dict(begun["ChallengeParameters"])
    return challenge, client.answer(challenge)


async def refused(cognito: CognitoClient, responses: dict[str, str]) -> Refused:
    return await cognito.refused(
        "RespondToAuthChallenge",
        ChallengeName="PASSWORD_VERIFIER",
        ClientId=cognito.client_id,
        ChallengeResponses=responses,
    )


async def begin_refused(cognito: CognitoClient, **parameters: str) -> Refused:
    return await cognito.refused(
        "InitiateAuth", AuthFlow="USER_SRP_AUTH", ClientId=cognito.client_id, AuthParameters=parameters
    )


@pytest.mark.parametrize("name", ["email", "userId"])
async def test_the_tokens_are_those_of_a_login_with_the_password(on: Ground, name: str) -> None:
    person = await on.client.sign_up()
    challenge, responses = await begin(on, person[name])
    assert (challenge["USERNAME"], challenge["USER_ID_FOR_SRP"]) == (person["userId"], person["userId"])
    assert set(challenge) == {"SALT", "SRP_B", "SECRET_BLOCK", "USERNAME", "USER_ID_FOR_SRP"}
    assert re.fullmatch(r"[1-9a-f][0-9a-f]{31}", challenge["SALT"])
    assert 0 < int(challenge["SRP_B"], 16) < MODULUS
    assert base64.b64decode(challenge["SECRET_BLOCK"], validate=True)
    signed_in = await on.cognito.respond("PASSWORD_VERIFIER", **responses)
    result = signed_in["AuthenticationResult"]
    assert set(result) == {"AccessToken", "ExpiresIn", "TokenType", "IdToken", "RefreshToken"}
    user = await on.cognito.call("GetUser", AccessToken=result["AccessToken"])
    assert user["Username"] == person["userId"]
    assert (await on.client.me({"idToken": result["IdToken"]})).status == 200
    assert (await on.client.refresh({"refreshToken": result["RefreshToken"]})).status == 200


async def test_a_session_and_a_device_key_are_ignored(on: Ground) -> None:
    """Some clients send one, or null, whatever they were given."""
    person = await on.client.sign_up()
    for session in ("x" * 20, None):
        client = attempt(on, person["email"])
        begun = await on.cognito.initiate("USER_SRP_AUTH", **client.parameters, DEVICE_KEY="eu-central-1_a-b")
        responses = client.answer(begun["ChallengeParameters"]) | {"DEVICE_KEY": "eu-central-1_a-b"}
        answer = await on.cognito.call(
            "RespondToAuthChallenge",
            ChallengeName="PASSWORD_VERIFIER",
            ClientId="tokenhouse",
            ChallengeResponses=responses,
            Session=session,
        )
        assert answer["AuthenticationResult"]


async def test_everything_that_is_wrong_with_a_proof_is_told_alike(on: Ground) -> None:
    person, other = await on.client.sign_up(), await on.client.sign_up()
    _, right = await begin(on, person["email"])
    _, of_other = await begin(on, other["email"])
    block, signature = "PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE"
    wrongs = [
        (await begin(on, person["email"], "WrongPass1!"))[1],
        (await begin(on, STRANGER))[1],
        (await begin(on, STRANGER))[1] | {"USERNAME": STRANGER},
        right | {block: changed(right[block], 30)},
        right | {block: "%"},
        right | {"USERNAME": other["userId"]},
        right | {block: of_other[block]},
        right | {"TIMESTAMP": "Tue Nov 24 11:54:59 UTC 2026"},
        right | {"TIMESTAMP": "yesterday"},
        right | {signature: "AAAA"},
        right,  # the one before has used the block up
    ]
    assert [await refused(on.cognito, one) for one in wrongs] == [WRONG] * len(wrongs)


async def test_a_block_is_good_once(on: Ground) -> None:
    person = await on.client.sign_up()
    _, responses = await begin(on, person["email"])
    await on.cognito.respond("PASSWORD_VERIFIER", **responses)
    assert await refused(on.cognito, responses) == WRONG


@pytest.mark.parametrize("value", ["0", f"{MODULUS:x}", f"{2 * MODULUS:X}", "xyz", "-1"])
async def test_a_bad_public_value_is_an_invalid_parameter(on: Ground, value: str) -> None:
    for username in ((await on.client.sign_up())["email"], STRANGER):
        refusal = await begin_refused(on.cognito, USERNAME=username, SRP_A=value)
        assert refusal == Refused("InvalidParameter", "SRP_A must be a number of the group, in hexadecimal.")


async def test_what_is_missing_is_named(on: Ground) -> None:
    assert await begin_refused(on.cognito, SRP_A="2") == Refused(
        "InvalidParameter", "Missing required parameter USERNAME"
    )
    assert await begin_refused(on.cognito, USERNAME="x") == Refused(
        "InvalidParameter", "Missing required parameter SRP_A"
    )
    _, responses = await begin(on, STRANGER)
    for name in responses:
        rest = {key: value for key, value in responses.items() if key != name}
        assert await refused(on.cognito, rest) == Refused("InvalidParameter", f"Missing required parameter {name}")


async def test_a_client_with_a_secret_shows_it_in_both_steps(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"srp": True, "clients": {"web": SECRET}})
    person, web = await ground.client.sign_up(), ground.of_client("web")
    client = attempt(ground, person["email"], client_id="web", client_secret=SECRET)
    without = {name: value for name, value in client.parameters.items() if name != "SECRET_HASH"}
    not_received = "Client web is configured with secret but SECRET_HASH was not received"
    assert await begin_refused(web, **without) == Refused("NotAuthorized", not_received)
    begun = await web.initiate("USER_SRP_AUTH", **client.parameters)
    responses = client.answer(begun["ChallengeParameters"])
    wrong = responses | {"SECRET_HASH": client.parameters["SECRET_HASH"]}  # over the address: the id is sent
    assert (await refused(web, wrong)).message == "Unable to verify secret hash for client web"
    assert await refused(ground.cognito, responses) == WRONG  # begun at another client
    tokens = (await web.respond("PASSWORD_VERIFIER", **responses))["AuthenticationResult"]
    assert builders.claims_of(tokens["IdToken"])["aud"] == "web"


async def test_unknown_users_are_told_apart_where_the_settings_say_so(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"srp": True, "prevent_user_existence_errors": False})
    person = await ground.client.sign_up()
    client = attempt(ground, STRANGER)
    assert await begin_refused(ground.cognito, **client.parameters) == NOBODY
    _, wrong = await begin(ground, person["email"], "WrongPass1!")
    assert await refused(ground.cognito, wrong) == WRONG
    _, responses = await begin(ground, person["email"])
    ground.fakes.users.rows.clear()
    assert await refused(ground.cognito, responses) == NOBODY


async def test_failures_are_limited_as_failed_logins_are(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"srp": True}, throttle={"exempt": [], "login_account_source": "2/5m"})
    person = await ground.client.sign_up()
    for _ in range(2):
        assert await refused(ground.cognito, (await begin(ground, person["email"], "WrongPass1!"))[1]) == WRONG
    exceeded = Refused("NotAuthorized", "Password attempts exceeded")
    assert await refused(ground.cognito, (await begin(ground, person["email"]))[1]) == exceeded
    body = {"email": person["email"], "password": PASSWORD}
    assert (await ground.client.post("/auth/login", body)).status == 429


async def test_with_the_setting_off_both_steps_say_so(ground: Ground) -> None:
    person = await ground.client.sign_up()
    client = attempt(ground, person["email"])
    assert await begin_refused(ground.cognito, **client.parameters) == OFF
    assert await begin_refused(ground.cognito) == OFF
    answers = {"PASSWORD_CLAIM_SECRET_BLOCK": "x", "PASSWORD_CLAIM_SIGNATURE": "x", "TIMESTAMP": "x"}
    assert await refused(ground.cognito, answers | {"USERNAME": person["email"]}) == OFF
    choice = await ground.cognito.initiate("USER_AUTH", **client.parameters, PREFERRED_CHALLENGE="PASSWORD_SRP")
    assert "PASSWORD_SRP" not in choice["AvailableChallenges"]


@pytest.mark.parametrize("how", ["preferred", "selected"])
async def test_user_auth_leads_to_it_too(on: Ground, how: str) -> None:
    person = await on.client.sign_up()
    client = attempt(on, person["email"])
    value = client.parameters
    if how == "preferred":
        begun = await on.cognito.initiate("USER_AUTH", **value, PREFERRED_CHALLENGE="PASSWORD_SRP")
    else:
        choice = await on.cognito.initiate("USER_AUTH", USERNAME=person["email"])
        assert "PASSWORD_SRP" in choice["AvailableChallenges"]
        answer: dict[str, Any] = {
            "ChallengeName": "SELECT_CHALLENGE",
            "ClientId": "tokenhouse",
            "Session": choice["Session"],
        }
        without = {"USERNAME": person["email"], "ANSWER": "PASSWORD_SRP"}
        missing = await on.cognito.refused("RespondToAuthChallenge", **answer, ChallengeResponses=without)
        assert missing == Refused("InvalidParameter", "Missing required parameter SRP_A")
        responses = value | {"ANSWER": "PASSWORD_SRP"}
        begun = await on.cognito.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)
        again = await on.cognito.refused("RespondToAuthChallenge", **answer, ChallengeResponses=responses)
        assert again.kind == "NotAuthorized"
    assert begun["ChallengeName"] == "PASSWORD_VERIFIER"
    tokens = await on.cognito.respond("PASSWORD_VERIFIER", **client.answer(begun["ChallengeParameters"]))
    assert tokens["AuthenticationResult"]["IdToken"]


async def test_a_second_factor_is_asked_for_after_the_right_password_alone(on: Ground) -> None:
    person, now = await on.client.sign_up(), on.fakes.ambient.now()
    app = await second.enrol(on.client, person, await on.client.log_in(person), now)
    assert await refused(on.cognito, (await begin(on, person["email"], "WrongPass1!"))[1]) == WRONG
    asked = await on.cognito.respond("PASSWORD_VERIFIER", **(await begin(on, person["email"]))[1])
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "AuthenticationResult" not in asked
    code = {"USERNAME": person["userId"], "SOFTWARE_TOKEN_MFA_CODE": app.code(now)}
    tokens = await on.cognito.call(
        "RespondToAuthChallenge",
        ChallengeName="SOFTWARE_TOKEN_MFA",
        ClientId="tokenhouse",
        Session=asked["Session"],
        ChallengeResponses=code,
    )
    assert tokens["AuthenticationResult"]["IdToken"]


async def test_an_address_that_must_be_proved_is_told_after_the_right_password_alone(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"srp": True}, mail=MAIL | {"verification": "required"})
    person = await ground.client.sign_up()
    assert await refused(ground.cognito, (await begin(ground, person["email"], "WrongPass1!"))[1]) == WRONG
    unproved = await refused(ground.cognito, (await begin(ground, person["email"]))[1])
    assert unproved == Refused("UserNotConfirmed", "User is not confirmed.")


async def test_an_overload_is_told_as_a_rate(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"srp": True}, passwords={"max_wait": "1s"})
    person = await ground.client.sign_up()
    _, responses = await begin(ground, person["email"])
    queue = ground.fakes.application.passwords.queue
    with ExitStack() as held:
        for _ in range(queue.capacity):
            held.enter_context(queue.reserve(Visitor("127.0.0.1")))
        parameters = attempt(ground, person["email"]).parameters
        assert await begin_refused(ground.cognito, **parameters) == Refused("TooManyRequests", "Rate exceeded")
        assert await refused(ground.cognito, responses) == Refused("TooManyRequests", "Rate exceeded")
    assert await ground.cognito.respond("PASSWORD_VERIFIER", **responses)


async def test_a_first_login_with_the_password_makes_srp_work(on: Ground) -> None:
    person = await on.client.sign_up()
    await on.fakes.application.backends.verifiers.remove_all()
    assert await refused(on.cognito, (await begin(on, person["email"]))[1]) == WRONG
    await on.cognito.log_in(person["email"], PASSWORD)
    _, responses = await begin(on, person["email"])
    assert await on.cognito.respond("PASSWORD_VERIFIER", **responses)
