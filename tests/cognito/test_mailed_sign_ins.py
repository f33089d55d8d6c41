"""EMAIL_OTP: a code by mail in place of the password."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.domain.mail.models import Kind
from service.domain.sessions.sign_in_sessions import TRIES
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import Serve
from tests.support import second_factors as second
from tests.support.builders import PASSWORD, part
from tests.support.cognito import CognitoClient, Refused
from tests.support.postbox import Postbox, prove
from tests.support.sign_ins import (
    EXPIRED,
    INVALID,
    MAILED,
    UNKNOWN,
    USED,
    WRONG_MAILED_CODE,
    Answer,
    Person,
    a_reader_of_mails,
    another,
    elsewhere,
    mailed_code,
    outcome,
    refusal,
    respond,
)


@pytest.fixture
async def ground(make_ground: MakeGround) -> Ground:
    return await make_ground(**MAILED)


async def ask(cognito: CognitoClient, name: str) -> Answer:
    return await cognito.initiate("USER_AUTH", USERNAME=name, PREFERRED_CHALLENGE="EMAIL_OTP")


async def answer(cognito: CognitoClient, session: str, name: str, code: str) -> Answer:
    return await respond(cognito, "EMAIL_OTP", session, USERNAME=name, EMAIL_OTP_CODE=code)


async def ask_from(ground: Ground, source: str, name: str) -> str:
    parameters = {"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}
    begun = await ground.call_from(source, "InitiateAuth", AuthFlow="USER_AUTH", AuthParameters=parameters)
    return str(begun["Session"])


async def answer_from(ground: Ground, source: str, name: str, session: str, code: str) -> Answer:
    responses = {"USERNAME": name, "EMAIL_OTP_CODE": code}
    challenge = {"ChallengeName": "EMAIL_OTP", "Session": session, "ChallengeResponses": responses}
    return await ground.call_from(source, "RespondToAuthChallenge", **challenge)


async def signed_in_from(ground: Ground, source: str, name: str) -> Answer:
    session = await ask_from(ground, source, name)
    return await answer_from(ground, source, name, session, await mailed_code(ground))


def methods(answered: Answer) -> object:
    tokens = answered["AuthenticationResult"]
    said = [json.loads(part(tokens[name], 1)).get("amr") for name in ("IdToken", "AccessToken")]
    assert said[0] == said[1]
    return said[0]


async def test_the_code_signs_in_and_the_tokens_say_how_through_every_refresh(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    asked = await ask(ground.cognito, person["email"].upper())
    assert asked["ChallengeName"] == "EMAIL_OTP"
    assert asked["ChallengeParameters"] == {
        "CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL",
        "CODE_DELIVERY_DESTINATION": "a***@e***",
    }
    code = await mailed_code(ground)
    assert len(code) == 8
    assert code.isdigit()
    signed_in = await answer(ground.cognito, asked["Session"], person["userId"], code)
    assert methods(signed_in) == ["email"]
    refreshed = await ground.client.refresh({"refreshToken": signed_in["AuthenticationResult"]["RefreshToken"]})
    assert json.loads(part((await refreshed.json())["idToken"], 1))["amr"] == ["email"]


async def test_it_can_be_chosen_from_the_list(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    choice = await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"])
    me = {"USERNAME": person["email"]}
    asked = await respond(ground.cognito, "SELECT_CHALLENGE", choice["Session"], **me, ANSWER="EMAIL_OTP")
    assert asked["ChallengeName"] == "EMAIL_OTP"
    assert await answer(ground.cognito, asked["Session"], person["email"], await mailed_code(ground))


async def test_the_letter_goes_to_the_account_s_own_spelling_and_has_no_link(ground: Ground) -> None:
    person = await a_reader_of_mails(ground, email="Jane.Roe@Example.com")
    await Postbox(ground.fakes.application).collect()
    await ask(ground.cognito, "jane.roe@example.com")
    letter = await Postbox(ground.fakes.application).one()
    assert letter.recipient == person["email"]
    assert set(letter.values) == {"code", "minutes"}
    assert letter.values["minutes"] == "3"
    assert letter.good_until == ground.fakes.ambient.now() + ground.fakes.application.sign_ins.lifetime


@pytest.mark.parametrize("who", ["unknown", "unproved", "disabled", "no address", "unknown id"])
async def test_nobody_else_gets_a_mail_or_in_and_none_of_it_shows(ground: Ground, who: str) -> None:
    person = await ground.client.sign_up()
    name = {
        "unknown": "anna@elsewhere.example",
        "no address": "somebody",
        "unknown id": "00000000-0000-4000-8000-000000000000",
    }.get(who, person["email"])
    if who == "disabled":
        prove(ground.fakes.users, person)
        await ground.fakes.application.accounts.disable(person["email"])
    await Postbox(ground.fakes.application).collect()
    asked = await ask(ground.cognito, name)
    assert set(asked) == {"ChallengeName", "ChallengeParameters", "Session"}
    destination = asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]
    if "@" in name:
        assert destination == "a***@e***"
    assert [len(one) for one in destination.split("@")] == [4, 4]
    assert await Postbox(ground.fakes.application).collect() == []
    for _ in range(TRIES + 1):
        assert await refusal(answer(ground.cognito, asked["Session"], name, "12345678")) == WRONG_MAILED_CODE


async def test_a_right_code_does_not_help_whom_no_mail_would_be_sent(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    asked = [await ask(ground.cognito, person["email"]) for _ in range(4)]
    letters = await Postbox(ground.fakes.application).collect()
    codes = [one.values["code"] for one in letters if one.template == "sign_in"]
    users, user_id = ground.fakes.users, UUID(person["userId"])
    good = users.rows[user_id]
    now = ground.fakes.ambient.now()
    changes: tuple[dict[str, Any], ...] = (
        {"disabled_at": now},
        {"email_verified_at": None},
        {"password_changed_at": now.replace(microsecond=1)},
        {},
    )
    for session, code, change in zip(asked, codes, changes, strict=True):
        users.rows[user_id] = replace(good, **change)
        said = await outcome(answer(ground.cognito, session["Session"], person["userId"], code))
        assert (said == WRONG_MAILED_CODE) is bool(change), change


async def test_a_wrong_code_leaves_the_session_good_within_a_bound(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    asked = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    for wrong in (another(code), "1", "x" * 3_000, code + "0"):
        assert await refusal(answer(ground.cognito, asked["Session"], person["email"], wrong)) == WRONG_MAILED_CODE
    assert await answer(ground.cognito, asked["Session"], person["email"], f" {code[:4]} {code[4:]}")
    asked = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    for _ in range(TRIES):
        wrong_one = answer(ground.cognito, asked["Session"], person["email"], another(code))
        assert await refusal(wrong_one) == WRONG_MAILED_CODE
    assert await refusal(answer(ground.cognito, asked["Session"], person["email"], code)) == WRONG_MAILED_CODE


async def test_many_guesses_at_once_are_no_more_than_the_bound(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    asked = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    guesses = [answer(ground.cognito, asked["Session"], person["email"], another(code)) for _ in range(3 * TRIES)]
    assert {type(one) for one in await asyncio.gather(*map(outcome, guesses))} == {Refused}
    assert await refusal(answer(ground.cognito, asked["Session"], person["email"], code)) == WRONG_MAILED_CODE


async def test_a_code_belongs_to_its_session(ground: Ground) -> None:
    person, other = await a_reader_of_mails(ground), await a_reader_of_mails(ground)
    first = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    second_one = await ask(ground.cognito, person["email"])
    of_other = await ask(ground.cognito, other["email"])
    assert await refusal(answer(ground.cognito, second_one["Session"], person["email"], code)) == WRONG_MAILED_CODE
    assert await refusal(answer(ground.cognito, of_other["Session"], other["email"], code)) == WRONG_MAILED_CODE
    assert await refusal(answer(ground.cognito, first["Session"], other["email"], code)) == INVALID
    assert await answer(ground.cognito, first["Session"], person["email"], code)


async def test_it_is_good_once_and_for_three_minutes_at_whatever_instance(ground: Ground, serve: Serve) -> None:
    person, there = await a_reader_of_mails(ground), await elsewhere(ground.fakes, serve)
    asked = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    said = await asyncio.gather(
        *(
            outcome(answer(one, asked["Session"], person["email"], code))
            for one in (ground.cognito, there.cognito, ground.cognito)
        )
    )
    assert said.count(USED) == 2
    assert await refusal(answer(there.cognito, asked["Session"], person["email"], code)) == USED
    asked = await ask(ground.cognito, person["email"])
    code = await mailed_code(ground)
    ground.fakes.ambient.advance(minutes=3)
    assert await refusal(answer(ground.cognito, asked["Session"], person["email"], code)) == EXPIRED


async def test_a_mail_that_comes_too_late_is_not_sent_and_one_written_again_has_the_same_code(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    await Postbox(ground.fakes.application).collect()
    await ask(ground.cognito, person["email"])
    postbox = Postbox(ground.fakes.application)
    letter = await postbox.one()
    (mail,) = postbox.mails
    assert await postbox.write(mail) == letter
    ground.fakes.ambient.advance(minutes=3)
    assert await postbox.write(mail) is None


async def test_who_has_a_second_factor_is_asked_for_it_after_the_code(ground: Ground) -> None:
    person = await a_reader_of_mails(ground)
    now = ground.fakes.ambient.now()
    app = await second.enrol(ground.client, person, await ground.client.log_in(person), now)
    asked = await ask(ground.cognito, person["email"])
    challenged = await answer(ground.cognito, asked["Session"], person["email"], await mailed_code(ground))
    assert challenged["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert challenged["ChallengeParameters"]["USER_ID_FOR_SRP"] == person["userId"]
    signed_in = await respond(
        ground.cognito,
        "SOFTWARE_TOKEN_MFA",
        challenged["Session"],
        USERNAME=person["userId"],
        SOFTWARE_TOKEN_MFA_CODE=app.code(now),
    )
    assert methods(signed_in) == ["email", "otp"]


async def test_without_mail_there_is_no_such_way(make_ground: MakeGround) -> None:
    ground = await make_ground()
    person = await ground.client.sign_up()
    asked = await ask(ground.cognito, person["email"])
    assert (asked["ChallengeName"], asked["AvailableChallenges"].count("EMAIL_OTP")) == ("SELECT_CHALLENGE", 0)
    chosen = respond(ground.cognito, "SELECT_CHALLENGE", asked["Session"], USERNAME=person["email"], ANSWER="EMAIL_OTP")
    assert (await refusal(chosen)).kind == "InvalidParameter"


# --- limits


HOME = "203.0.113.7"
RATE = Refused("TooManyRequests", "Rate exceeded")
ATTEMPTS = Refused("NotAuthorized", "Password attempts exceeded")


@pytest.mark.parametrize("limit", ["mail_source", "mail_global"])
async def test_a_source_may_ask_for_so_many_mails_at_both_doors(make_ground: MakeGround, limit: str) -> None:
    ground = await make_ground(**MAILED, throttle={"exempt": [], limit: "2/1h"})
    assert (await ground.client.post("/auth/forgot", {"email": UNKNOWN})).status == 202
    assert await ask(ground.cognito, UNKNOWN)
    choice = await ground.cognito.initiate("USER_AUTH", USERNAME=UNKNOWN)
    chosen = {"USERNAME": UNKNOWN, "ANSWER": "EMAIL_OTP"}
    assert await refusal(respond(ground.cognito, "SELECT_CHALLENGE", choice["Session"], **chosen)) == RATE
    assert await refusal(ask(ground.cognito, UNKNOWN)) == RATE
    ground.fakes.ambient.advance(minutes=31)
    assert (await ground.client.post("/auth/forgot", {"email": UNKNOWN})).status == 202


async def test_a_choice_that_a_limit_refused_can_be_made_again(make_ground: MakeGround) -> None:
    ground = await make_ground(**MAILED, throttle={"exempt": [], "mail_source": "1/1m"})
    await ask(ground.cognito, UNKNOWN)
    choice = await ground.cognito.initiate("USER_AUTH", USERNAME=UNKNOWN)
    chosen = {"USERNAME": UNKNOWN, "ANSWER": "EMAIL_OTP"}
    assert await refusal(respond(ground.cognito, "SELECT_CHALLENGE", choice["Session"], **chosen)) == RATE
    ground.fakes.ambient.advance(minutes=1)
    assert await respond(ground.cognito, "SELECT_CHALLENGE", choice["Session"], **chosen)


@pytest.mark.parametrize("who", ["known", "unknown"])
async def test_wrong_codes_are_failed_logins_of_the_account(make_ground: MakeGround, who: str) -> None:
    ground = await make_ground(**MAILED, throttle={"exempt": [], "login_account_source": "2/5m"})
    person = await a_reader_of_mails(ground)
    name = person["email"] if who == "known" else UNKNOWN
    asked = await ask(ground.cognito, name)
    for _ in range(2):
        assert await refusal(answer(ground.cognito, asked["Session"], name, "00000000")) == WRONG_MAILED_CODE
    assert await refusal(answer(ground.cognito, asked["Session"], name, "00000000")) == ATTEMPTS
    assert await refusal(ground.cognito.log_in(name, PASSWORD)) == ATTEMPTS


@pytest.mark.parametrize("who", ["known", "unknown"])
async def test_wrong_codes_have_the_limit_of_codes_of_one_source(make_ground: MakeGround, who: str) -> None:
    ground = await make_ground(**MAILED, throttle={"exempt": [], "code_source": "2/1h"})
    person = await a_reader_of_mails(ground)
    name = person["email"] if who == "known" else UNKNOWN
    asked = await ask(ground.cognito, name)
    for _ in range(2):
        assert await refusal(answer(ground.cognito, asked["Session"], name, "00000000")) == WRONG_MAILED_CODE
    assert await refusal(answer(ground.cognito, asked["Session"], name, "00000000")) == RATE


async def test_right_codes_are_not_counted(make_ground: MakeGround) -> None:
    ground = await make_ground(**MAILED, throttle={"exempt": [], "code_source": "1/1h", "login_account_source": "1/1h"})
    person = await a_reader_of_mails(ground)
    for _ in range(3):
        asked = await ask(ground.cognito, person["email"])
        assert await answer(ground.cognito, asked["Session"], person["email"], await mailed_code(ground))


async def test_strangers_who_try_codes_of_their_own_sessions_do_not_lock_the_owner_out(make_ground: MakeGround) -> None:
    """At home, that is, from where they have signed in before."""
    ground = await make_ground(
        **MAILED,
        throttle={"exempt": [], "login_account": "9/1h", "code_account": "1/1h"},
        server={"trusted_proxies": ["127.0.0.0/8"]},
    )
    email = str((await a_reader_of_mails(ground))["email"])
    assert "AuthenticationResult" in await signed_in_from(ground, HOME, email)
    told = []
    for number in range(3):
        strange = await ask_from(ground, f"198.51.100.{number}", email)
        for _ in range(TRIES - 1):
            answered = await answer_from(ground, f"198.51.100.{number}", email, strange, "00000000")
            told.append(answered["message"])
    assert told == [WRONG_MAILED_CODE.message] * 9 + [ATTEMPTS.message] * 3
    await Postbox(ground.fakes.application).collect()
    assert "AuthenticationResult" in await signed_in_from(ground, HOME, email)


async def test_guesses_at_one_account_have_one_count_whatever_the_name_and_the_session(make_ground: MakeGround) -> None:
    ground = await make_ground(
        **MAILED, throttle={"exempt": [], "mail_source": "99/1h", "login_account_source": "3/1h"}
    )
    person = await a_reader_of_mails(ground)
    email, sub = person["email"], person["userId"]
    told = []
    for name in (email, email.upper(), sub, sub.upper(), f" {email} "):
        asked = await ask(ground.cognito, name)
        told.append(await refusal(answer(ground.cognito, asked["Session"], name, "00000000")))
    assert told == [WRONG_MAILED_CODE] * 3 + [ATTEMPTS] * 2


async def test_such_mails_count_for_the_address(ground: Ground) -> None:
    from service.domain.mail.delivery import OF_STRANGERS  # noqa: PLC0415 - one look

    assert Kind.SIGN_IN in OF_STRANGERS


# --- what is told


async def test_the_events_say_why_and_no_log_has_the_code_or_the_address(ground: Ground) -> None:
    events: list[Any] = []
    ground.fakes.application.events.add(events.append)
    person = await a_reader_of_mails(ground)
    with capture_logs() as logs:
        asked = await ask(ground.cognito, person["email"])
        code = await mailed_code(ground)
        await refusal(answer(ground.cognito, asked["Session"], person["email"], another(code)))
        unknown = await ask(ground.cognito, UNKNOWN)
        await refusal(answer(ground.cognito, unknown["Session"], UNKNOWN, another(code)))
        await answer(ground.cognito, asked["Session"], person["email"], code)
    assert [(one.name.value, str(one.reason)) for one in events[-3:]] == [
        ("authn_login_fail", "wrong_code"),
        ("authn_login_fail", "unknown_email"),
        ("authn_login_success", ""),
    ]
    told = repr(logs) + repr(events)
    for secret in (code, person["email"], UNKNOWN, asked["Session"]):
        assert secret not in told


Steps = list[tuple[str, int]]


async def trips(ground: Ground, serve: Serve, name: str) -> Steps:
    there = await elsewhere(ground.fakes, serve)
    held: dict[str, Answer] = {}

    async def asking(cognito: CognitoClient) -> None:
        held["asked"] = await ask(cognito, name)

    async def failing(cognito: CognitoClient) -> None:
        await refusal(answer(cognito, held["asked"]["Session"], name, "00000000"))

    async def choosing(cognito: CognitoClient) -> None:
        held["choice"] = await cognito.initiate("USER_AUTH", USERNAME=name)

    async def chosen(cognito: CognitoClient) -> None:
        me = {"USERNAME": name}
        held["asked"] = await respond(cognito, "SELECT_CHALLENGE", held["choice"]["Session"], **me, ANSWER="PASSWORD")

    async def with_password(cognito: CognitoClient) -> None:
        me = {"USERNAME": name}
        await refusal(respond(cognito, "PASSWORD", held["asked"]["Session"], **me, PASSWORD="WrongPass1!"))

    return [(step.__name__, await there.trips(step)) for step in (asking, failing, choosing, chosen, with_password)]


async def test_unknown_users_cost_as_many_round_trips_as_known_ones(make_ground: MakeGround, serve: Serve) -> None:
    quotas = dict.fromkeys(("login_account_source", "login_account", "login_known_source", "code_account"), "100/1m")
    ground = await make_ground(**MAILED, throttle={"exempt": [], **quotas})
    person: Person = await a_reader_of_mails(ground)
    await trips(ground, serve, person["email"])  # Redis learns the scripts
    known = await trips(ground, serve, person["email"])
    assert await trips(ground, serve, UNKNOWN) == known
    assert sum(count for _, count in known) > 8
    by_id = await trips(ground, serve, person["userId"])
    assert await trips(ground, serve, "00000000-0000-4000-8000-000000000000") == by_id
