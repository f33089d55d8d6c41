"""InitiateAuth: which flows there are, what each needs, and what it answers."""

import json
from typing import Any

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.authenticators import SETTINGS
from tests.support.builders import PASSWORD, part
from tests.support.cognito import Refused
from tests.support.sign_ins import INVALID, MAILED, SECRET, UNKNOWN, WEB, WRONG, refusal, respond, secret_hash

NO_SUCH_USER = Refused("UserNotFound", "User does not exist.")


@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "CUSTOM_AUTH", "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH"])
async def test_a_flow_that_is_not_offered_says_so(ground: Ground, flow: str) -> None:
    refused = await refusal(ground.cognito.initiate(flow, USERNAME=UNKNOWN, PASSWORD=PASSWORD, SRP_A="aa"))
    assert refused == ("InvalidParameter", f"{flow} is not enabled for the client.")


@pytest.mark.parametrize(
    ("flow", "given", "missing"),
    [
        ("USER_PASSWORD_AUTH", {}, "USERNAME"),
        ("USER_PASSWORD_AUTH", {"PASSWORD": PASSWORD}, "USERNAME"),
        ("USER_PASSWORD_AUTH", {"USERNAME": UNKNOWN}, "PASSWORD"),
        ("USER_PASSWORD_AUTH", {"USERNAME": "", "PASSWORD": PASSWORD}, "USERNAME"),
        ("USER_AUTH", {"PREFERRED_CHALLENGE": "PASSWORD"}, "USERNAME"),
        ("REFRESH_TOKEN_AUTH", {}, "REFRESH_TOKEN"),
        ("REFRESH_TOKEN", {"USERNAME": UNKNOWN}, "REFRESH_TOKEN"),
    ],
)
async def test_a_missing_parameter_is_named(ground: Ground, flow: str, given: dict[str, str], missing: str) -> None:
    refused = await refusal(ground.cognito.initiate(flow, **given))
    assert refused == ("InvalidParameter", f"Missing required parameter {missing}")


async def test_parameters_that_are_null_are_as_absent_and_device_keys_are_ignored(ground: Ground) -> None:
    person = await ground.client.sign_up()
    given: dict[str, Any] = {"USERNAME": person["email"], "PASSWORD": PASSWORD, "SECRET_HASH": None, "DEVICE_KEY": None}
    answer = await ground.cognito.call(
        "InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="tokenhouse", AuthParameters=given, ClientMetadata=None
    )
    assert answer["AuthenticationResult"]["TokenType"] == "Bearer"
    given |= {"PASSWORD": None, "DEVICE_KEY": "eu-central-1_00000000-aaaa"}
    refused = await ground.cognito.refused(
        "InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", ClientId="tokenhouse", AuthParameters=given
    )
    assert refused.message == "Missing required parameter PASSWORD"


async def test_the_result_of_a_login_is_that_of_the_other_door(make_ground: MakeGround) -> None:
    ground = await make_ground(tokens={"access_lifetime": "7m"})
    person = await ground.client.sign_up()
    answer = await ground.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=person["userId"], PASSWORD=PASSWORD)
    assert answer["ChallengeParameters"] == {}
    tokens = answer["AuthenticationResult"]
    assert tokens["ExpiresIn"] == 420
    assert json.loads(part(tokens["IdToken"], 1))["cognito:username"] == person["userId"]
    assert (await ground.client.get("/auth/me", **bearer({"idToken": tokens["IdToken"]}))).status == 200
    assert (await ground.client.refresh({"refreshToken": tokens["RefreshToken"]})).status == 200


@pytest.mark.parametrize("spelt", [str.upper, str.title, str])
async def test_a_user_is_named_by_the_address_in_any_case(ground: Ground, spelt: Any) -> None:
    person = await ground.client.sign_up()
    assert await ground.cognito.log_in(spelt(person["email"]), PASSWORD)


async def test_wrong_passwords_unknown_and_disabled_users_are_told_apart_by_nothing(ground: Ground) -> None:
    person, gone = await ground.client.sign_up(), await ground.client.sign_up()
    await ground.fakes.application.accounts.disable(gone["email"])
    for name, password in (
        (person["email"], "WrongPass1!"),
        (person["userId"], "WrongPass1!"),
        (UNKNOWN, PASSWORD),
        ("no address", PASSWORD),
        ("00000000-0000-4000-8000-000000000000", PASSWORD),
        (gone["email"], PASSWORD),
    ):
        assert await refusal(ground.cognito.log_in(name, password)) == WRONG
        by_choice = ground.cognito.initiate(
            "USER_AUTH", USERNAME=name, PASSWORD=password, PREFERRED_CHALLENGE="PASSWORD"
        )
        assert await refusal(by_choice) == WRONG


async def test_unknown_users_are_told_where_they_are_no_secret(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"prevent_user_existence_errors": False}, **MAILED)
    person = await ground.client.sign_up()
    assert await refusal(ground.cognito.log_in(UNKNOWN, PASSWORD)) == NO_SUCH_USER
    assert await refusal(ground.cognito.log_in(person["email"], "WrongPass1!")) == WRONG
    for preferred in ("", "PASSWORD", "EMAIL_OTP", "SMS_OTP"):
        asked = {"USERNAME": UNKNOWN, "PREFERRED_CHALLENGE": preferred}
        assert await refusal(ground.cognito.initiate("USER_AUTH", **asked)) == NO_SUCH_USER
    assert (await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"]))["Session"]


# --- the secret of a client


async def test_a_client_with_a_secret_shows_a_hash_over_the_name_that_it_sends(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito=WEB)
    person, web = await ground.client.sign_up(), ground.of_client("web")
    for name in (person["email"], person["email"].upper(), person["userId"]):
        given = {"USERNAME": name, "PASSWORD": PASSWORD}
        assert await web.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH=secret_hash(name))
        refused = await refusal(web.initiate("USER_PASSWORD_AUTH", **given))
        assert refused == (
            "NotAuthorized",
            "Client web is configured with secret but SECRET_HASH was not received",
        )
        for wrong in (secret_hash(name.swapcase() + "x"), secret_hash(name, secret=SECRET + "x"), "é"):
            refused = await refusal(web.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH=wrong))
            assert refused == ("NotAuthorized", "Unable to verify secret hash for client web")
    missing = await refusal(web.initiate("USER_PASSWORD_AUTH", PASSWORD=PASSWORD))
    assert missing.message == "Missing required parameter USERNAME"


async def test_an_unknown_client_is_refused_before_anything_else(ground: Ground) -> None:
    nobody = ground.of_client("nobody")
    for call in (nobody.initiate("USER_AUTH"), respond(nobody, "PASSWORD", "x" * 20)):
        assert await refusal(call) == ("ResourceNotFound", "User pool client nobody does not exist.")


# --- choosing


CHOICES = [({}, ["PASSWORD"]), (MAILED, ["PASSWORD", "EMAIL_OTP"]), ({"passkeys": SETTINGS}, ["PASSWORD", "WEB_AUTHN"])]


@pytest.mark.parametrize(("sections", "offered"), CHOICES, ids=["bare", "mail", "passkeys"])
async def test_what_is_offered_goes_by_the_settings_and_is_the_same_for_everybody(
    make_ground: MakeGround, sections: dict[str, Any], offered: list[str]
) -> None:
    if "passkeys" not in sections:
        sections = sections | {"tokens": {"issuer": "http://192.0.2.1"}}  # which is no relying party
    ground = await make_ground(**sections)
    person = await ground.client.sign_up()
    for name in (person["email"], UNKNOWN, "no address"):
        for preferred in ({}, {"PREFERRED_CHALLENGE": "SMS_OTP"}, {"PREFERRED_CHALLENGE": "PASSWORD_SRP"}):
            answer = await ground.cognito.initiate("USER_AUTH", USERNAME=name, **preferred)
            assert answer["ChallengeName"] == "SELECT_CHALLENGE"
            assert answer["AvailableChallenges"] == offered
            assert answer["ChallengeParameters"] == {}
            refused = await refusal(
                respond(ground.cognito, "SELECT_CHALLENGE", answer["Session"], USERNAME=name, ANSWER="SMS_OTP")
            )
            assert refused == ("InvalidParameter", "SMS_OTP is not available to the user.")


async def test_a_preference_that_no_user_can_have_is_refused(ground: Ground) -> None:
    refused = await refusal(ground.cognito.initiate("USER_AUTH", USERNAME=UNKNOWN, PREFERRED_CHALLENGE="MAGIC"))
    assert refused.kind == "InvalidParameter"


async def test_the_password_signs_in_at_once_when_it_is_chosen_or_when_it_is_asked_for(ground: Ground) -> None:
    person, cognito = await ground.client.sign_up(), ground.cognito
    me = {"USERNAME": person["email"]}
    preferred = {**me, "PREFERRED_CHALLENGE": "PASSWORD"}
    at_once = await cognito.initiate("USER_AUTH", **preferred, PASSWORD=PASSWORD)
    asked = await cognito.initiate("USER_AUTH", **preferred)
    assert (asked["ChallengeName"], asked["ChallengeParameters"]) == ("PASSWORD", {})
    answered = await respond(cognito, "PASSWORD", asked["Session"], **me, PASSWORD=PASSWORD)
    choice = await cognito.initiate("USER_AUTH", **me)
    chosen = await respond(cognito, "SELECT_CHALLENGE", choice["Session"], **me, ANSWER="PASSWORD", PASSWORD=PASSWORD)
    choice = await cognito.initiate("USER_AUTH", **me)
    late = await respond(cognito, "SELECT_CHALLENGE", choice["Session"], **me, ANSWER="PASSWORD")
    assert late["ChallengeName"] == "PASSWORD"
    last = await respond(cognito, "PASSWORD", late["Session"], USERNAME=person["userId"], PASSWORD=PASSWORD)
    for answer in (at_once, answered, chosen, last):
        assert await cognito.call("GetUser", AccessToken=answer["AuthenticationResult"]["AccessToken"])


@pytest.mark.parametrize(
    "name",
    [
        "SMS_MFA",
        "SMS_OTP",
        "SELECT_MFA_TYPE",
        "CUSTOM_CHALLENGE",
        "NEW_PASSWORD_REQUIRED",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
    ],
)
async def test_a_challenge_that_nobody_gets_is_refused(ground: Ground, name: str) -> None:
    session = (await ground.cognito.initiate("USER_AUTH", USERNAME=UNKNOWN))["Session"]
    refused = await refusal(respond(ground.cognito, name, session, USERNAME=UNKNOWN, ANSWER="x"))
    assert refused == ("InvalidParameter", f"{name} is not enabled for the client.")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("SELECT_CHALLENGE", "ANSWER"),
        ("PASSWORD", "PASSWORD"),
        ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
        ("EMAIL_OTP", "EMAIL_OTP_CODE"),
        ("WEB_AUTHN", "CREDENTIAL"),
    ],
)
async def test_a_missing_response_is_named(ground: Ground, name: str, missing: str) -> None:
    refused = await refusal(respond(ground.cognito, name, "x" * 20))
    assert refused == ("InvalidParameter", "Missing required parameter USERNAME")
    refused = await refusal(respond(ground.cognito, name, "x" * 20, USERNAME=UNKNOWN))
    assert refused == ("InvalidParameter", f"Missing required parameter {missing}")
    given = {"USERNAME": UNKNOWN, missing: "{}"}
    without = await ground.cognito.refused(
        "RespondToAuthChallenge", ClientId="tokenhouse", ChallengeName=name, ChallengeResponses=given
    )
    assert without == ("InvalidParameter", "Missing required parameter Session")
    assert await refusal(respond(ground.cognito, name, "x" * 20, **given)) == INVALID


# --- limits


async def test_failed_logins_are_one_count_at_both_doors_and_say_so_without_being_repeated(
    make_ground: MakeGround,
) -> None:
    ground = await make_ground(throttle={"exempt": [], "login_account_source": "3/5m"})
    person = await ground.client.sign_up()
    wrong = {"email": person["email"], "password": "WrongPass1!"}
    assert (await ground.client.post("/auth/login", wrong)).status == 401
    for name in (person["email"], person["userId"]):
        assert await refusal(ground.cognito.log_in(name, "WrongPass1!")) == WRONG
    limited = Refused("NotAuthorized", "Password attempts exceeded")
    assert await refusal(ground.cognito.log_in(person["email"], PASSWORD)) == limited
    by_choice = {"USERNAME": person["userId"], "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
    assert await refusal(ground.cognito.initiate("USER_AUTH", **by_choice)) == limited
    assert (await ground.client.post("/auth/login", wrong | {"password": PASSWORD})).status == 429
    for _ in range(3):
        assert await refusal(ground.cognito.log_in(UNKNOWN, PASSWORD)) == WRONG
    assert await refusal(ground.cognito.log_in(UNKNOWN, PASSWORD)) == limited
