"""A `Session`: whose it is, what it is for, how long and how often it is good, at any instance."""

import asyncio
import base64
import secrets as dice
from dataclasses import replace

import pytest

from service.domain.seals import Seals
from service.domain.sessions.sign_in_sessions import TRIES, Step
from service.errors import InvalidChallengeError
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import Serve
from tests.support import builders
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient
from tests.support.sign_ins import (
    EXPIRED,
    INVALID,
    MAILED,
    UNKNOWN,
    USED,
    WEB,
    WRONG,
    Answer,
    a_reader_of_mails,
    elsewhere,
    outcome,
    refusal,
    respond,
    secret_hash,
)

WAYS: tuple[dict[str, str], ...] = (
    {},
    {"PREFERRED_CHALLENGE": "PASSWORD"},
    {"PREFERRED_CHALLENGE": "EMAIL_OTP"},
    {"PREFERRED_CHALLENGE": "WEB_AUTHN"},
)


async def ask_password(cognito: CognitoClient, name: str) -> str:
    asked = await cognito.initiate("USER_AUTH", USERNAME=name, PREFERRED_CHALLENGE="PASSWORD")
    return str(asked["Session"])


async def answer(cognito: CognitoClient, session: str, name: str, password: str = PASSWORD) -> Answer:
    return await respond(cognito, "PASSWORD", session, USERNAME=name, PASSWORD=password)


@pytest.mark.parametrize("way", WAYS, ids=["choice", "password", "mail", "passkey"])
async def test_sessions_of_known_and_unknown_users_are_as_long_and_never_too_long(
    make_ground: MakeGround, way: dict[str, str]
) -> None:
    ground = await make_ground(**MAILED)
    person = await a_reader_of_mails(ground)
    lengths = set()
    for name in (person["email"], person["userId"], UNKNOWN, "x" * 5_000, "é" * 300):
        asked = await ground.cognito.initiate("USER_AUTH", USERNAME=name, **way)
        lengths.add(len(asked["Session"]))
    assert len(lengths) == 1
    assert 20 <= lengths.pop() <= 2048


async def test_a_session_is_good_once_at_whatever_instance(ground: Ground, serve: Serve) -> None:
    person, there = await ground.client.sign_up(), await elsewhere(ground.fakes, serve)
    session = await ask_password(ground.cognito, person["email"])
    assert await answer(there.cognito, session, person["email"])
    for cognito in (ground.cognito, there.cognito):
        assert await refusal(answer(cognito, session, person["email"])) == USED
        assert await refusal(answer(cognito, session, person["email"], "WrongPass1!")) == USED


async def test_of_two_right_answers_at_once_one_signs_in(ground: Ground, serve: Serve) -> None:
    person, there = await ground.client.sign_up(), await elsewhere(ground.fakes, serve)
    before = await open_sessions(ground)
    session = await ask_password(ground.cognito, person["email"])
    said = await asyncio.gather(
        *(outcome(answer(one, session, person["email"])) for one in (ground.cognito, there.cognito) * 2)
    )
    assert said.count(USED) == 3
    assert await open_sessions(ground) == before + 1


async def test_of_two_choices_at_once_one_goes_on(ground: Ground) -> None:
    session = (await ground.cognito.initiate("USER_AUTH", USERNAME=UNKNOWN))["Session"]
    choose = [
        outcome(respond(ground.cognito, "SELECT_CHALLENGE", session, USERNAME=UNKNOWN, ANSWER="PASSWORD"))
        for _ in range(3)
    ]
    said = await asyncio.gather(*choose)
    assert said.count(USED) == 2
    again = respond(ground.cognito, "SELECT_CHALLENGE", session, USERNAME=UNKNOWN, ANSWER="PASSWORD")
    assert await refusal(again) == USED


@pytest.mark.parametrize("name", ["email", "unknown"])
async def test_a_wrong_answer_leaves_it_good_for_a_few_more(ground: Ground, name: str) -> None:
    person = await ground.client.sign_up()
    who = person["email"] if name == "email" else UNKNOWN
    session = await ask_password(ground.cognito, who)
    for _ in range(TRIES - 1):
        assert await refusal(answer(ground.cognito, session, who, "WrongPass1!")) == WRONG
    if name == "email":
        assert await answer(ground.cognito, session, who)
    else:
        assert await refusal(answer(ground.cognito, session, who)) == WRONG
    other = await ask_password(ground.cognito, who)
    for _ in range(TRIES):
        assert await refusal(answer(ground.cognito, other, who, "WrongPass1!")) == WRONG
    assert await refusal(answer(ground.cognito, other, who)) == INVALID


async def test_it_lives_for_three_minutes(ground: Ground) -> None:
    person = await ground.client.sign_up()
    for name in (person["email"], UNKNOWN):
        young, old = await ask_password(ground.cognito, name), await ask_password(ground.cognito, name)
        ground.fakes.ambient.advance(seconds=179.9)
        said = await outcome(answer(ground.cognito, young, name))
        assert said == WRONG if name == UNKNOWN else isinstance(said, dict)
        ground.fakes.ambient.advance(seconds=0.1)
        assert await refusal(answer(ground.cognito, old, name)) == EXPIRED
        assert await refusal(answer(ground.cognito, young, name)) == EXPIRED


async def test_how_long_it_lives_is_a_setting(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"session_lifetime": "10m"})
    person = await ground.client.sign_up()
    session = await ask_password(ground.cognito, person["email"])
    ground.fakes.ambient.advance(minutes=9)
    assert await answer(ground.cognito, session, person["email"])


async def test_it_belongs_to_one_user_whatever_name_the_user_is_called_by(ground: Ground) -> None:
    person, other = await ground.client.sign_up(), await ground.client.sign_up()
    session = await ask_password(ground.cognito, person["userId"])
    for name in (other["email"], other["userId"], UNKNOWN):
        assert await refusal(answer(ground.cognito, session, name)) == INVALID
    assert await answer(ground.cognito, session, person["email"].upper())


async def test_it_belongs_to_one_client(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito={"clients": "web,phone"})
    person = await ground.client.sign_up()
    session = await ask_password(ground.of_client("web"), person["email"])
    for other in ("phone", "tokenhouse"):
        assert await refusal(answer(ground.of_client(other), session, person["email"])) == INVALID
    signed_in = await answer(ground.of_client("web"), session, person["email"])
    refused = await ground.of_client("phone").refused(
        "GetTokensFromRefreshToken",
        ClientId="phone",
        RefreshToken=signed_in["AuthenticationResult"]["RefreshToken"],
    )
    assert refused == ("NotAuthorized", "Invalid Refresh Token.")


async def test_the_secret_of_the_client_is_shown_with_every_answer(make_ground: MakeGround) -> None:
    ground = await make_ground(cognito=WEB)
    person, web = await ground.client.sign_up(), ground.of_client("web")
    asked = await web.initiate(
        "USER_AUTH",
        USERNAME=person["email"],
        PREFERRED_CHALLENGE="PASSWORD",
        SECRET_HASH=secret_hash(person["email"]),
    )
    refused = await refusal(answer(web, asked["Session"], person["email"]))
    assert refused.message == "Client web is configured with secret but SECRET_HASH was not received"
    assert await respond(
        web,
        "PASSWORD",
        asked["Session"],
        USERNAME=person["userId"],
        PASSWORD=PASSWORD,
        SECRET_HASH=secret_hash(person["userId"]),
    )


async def test_it_is_for_one_step(make_ground: MakeGround) -> None:
    ground = await make_ground(**MAILED)
    person = await a_reader_of_mails(ground)
    answers = {
        "SELECT_CHALLENGE": {"ANSWER": "PASSWORD"},
        "PASSWORD": {"PASSWORD": PASSWORD},
        "SOFTWARE_TOKEN_MFA": {"SOFTWARE_TOKEN_MFA_CODE": "123456"},
        "EMAIL_OTP": {"EMAIL_OTP_CODE": "12345678"},
        "WEB_AUTHN": {"CREDENTIAL": "{}"},
    }
    for way in WAYS:
        asked = await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"], **way)
        for name in answers.keys() - {asked["ChallengeName"]}:
            wrong = respond(ground.cognito, name, asked["Session"], USERNAME=person["email"], **answers[name])
            assert await refusal(wrong) == INVALID, (asked["ChallengeName"], name)


async def test_what_was_made_up_or_changed_is_no_session(ground: Ground) -> None:
    person = await ground.client.sign_up()
    session = await ask_password(ground.cognito, person["email"])
    sealed = bytearray(base64.urlsafe_b64decode(session + "=" * (-len(session) % 4)))
    changed = []
    for place in range(0, len(sealed), 3):
        sealed[place] ^= 1
        changed.append(base64.urlsafe_b64encode(sealed).decode().rstrip("="))
        sealed[place] ^= 1
    changed += [session[:-4], session[:20], session[:23], session[:24], session[:40], session + "AAAA", "é" * 20]
    changed += ["A" * 20, "=" * 20, "." * 2048, dice.token_urlsafe(200), session.swapcase(), " " * 30]
    for one in changed:
        assert await refusal(answer(ground.cognito, one, person["email"])) == INVALID, one
    assert await answer(ground.cognito, session, person["email"])


async def test_yesterday_s_secret_still_opens_it_and_a_stranger_s_does_not(ground: Ground) -> None:
    here, ambient = ground.fakes.application.sign_ins, ground.fakes.ambient
    session = await ask_password(ground.cognito, UNKNOWN)
    today = replace(here, seals=Seals(["a" * 43, builders.SECRET], ambient))
    assert today.open(session, UNKNOWN, "", Step.PASSWORD) == here.open(session, UNKNOWN, "", Step.PASSWORD)
    with pytest.raises(InvalidChallengeError):
        replace(here, seals=Seals(["a" * 43], ambient)).open(session, UNKNOWN, "", Step.PASSWORD)


async def open_sessions(ground: Ground) -> int:
    return len([key async for key in ground.fakes.redis.scan_iter("th:session:*")])


async def test_the_use_of_it_is_remembered_no_longer_than_it_would_be_good(ground: Ground) -> None:
    person = await ground.client.sign_up()
    await answer(ground.cognito, await ask_password(ground.cognito, person["email"]), person["email"])
    (key,) = [key async for key in ground.fakes.redis.scan_iter("th:sign-in:*")]
    left = await ground.fakes.redis.pttl(key)
    assert 180_000 < left <= 240_000
