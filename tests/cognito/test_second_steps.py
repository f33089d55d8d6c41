"""SOFTWARE_TOKEN_MFA and WEB_AUTHN: second factors and passkeys."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest

from service.domain.events.security_events import Reason
from service.domain.second_factors.challenges import TRIES
from service.errors import InvalidChallengeError
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import Serve
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS, Authenticator
from tests.support.builders import PASSWORD, part
from tests.support.cognito import CognitoClient, Refused
from tests.support.second_factors import App
from tests.support.sign_ins import (
    EXPIRED,
    INVALID,
    UNKNOWN,
    USED,
    WRONG,
    WRONG_CODE,
    Answer,
    Person,
    elsewhere,
    outcome,
    refusal,
    respond,
)

SPENT = Refused("ExpiredCode", "Your software token has already been used once.")
ATTEMPTS = Refused("NotAuthorized", "Password attempts exceeded")


class Member(NamedTuple):
    ground: Ground
    person: Person
    app: App

    @property
    def code(self) -> str:
        return self.app.code(self.ground.fakes.ambient.now())

    @property
    def wrong(self) -> str:
        return self.app.wrong_code(self.ground.fakes.ambient.now())

    async def challenge(self, cognito: CognitoClient | None = None) -> Answer:
        cognito = cognito or self.ground.cognito
        return await cognito.initiate("USER_PASSWORD_AUTH", USERNAME=self.person["email"], PASSWORD=PASSWORD)

    async def answer(self, session: str, code: str, cognito: CognitoClient | None = None) -> Answer:
        return await respond(
            cognito or self.ground.cognito,
            "SOFTWARE_TOKEN_MFA",
            session,
            USERNAME=self.person["userId"],
            SOFTWARE_TOKEN_MFA_CODE=code,
        )


async def a_member(ground: Ground) -> Member:
    person = await ground.client.sign_up()
    tokens = await ground.client.log_in(person)
    return Member(ground, person, await second.enrol(ground.client, person, tokens, ground.fakes.ambient.now()))


@pytest.fixture
async def member(ground: Ground) -> Member:
    return await a_member(ground)


def methods(answered: Answer) -> object:
    return json.loads(part(answered["AuthenticationResult"]["IdToken"], 1)).get("amr")


async def test_the_right_password_is_answered_with_a_challenge_and_the_code_with_tokens(member: Member) -> None:
    challenged = await member.challenge()
    assert challenged["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert set(challenged["ChallengeParameters"]) == {"FRIENDLY_DEVICE_NAME", "USER_ID_FOR_SRP"}
    assert challenged["ChallengeParameters"]["USER_ID_FOR_SRP"] == member.person["userId"]
    assert len(challenged["Session"]) <= 2048
    signed_in = await member.answer(challenged["Session"], member.code)
    assert methods(signed_in) == ["pwd", "otp"]
    assert await member.ground.cognito.call("GetUser", AccessToken=signed_in["AuthenticationResult"]["AccessToken"])


async def test_a_wrong_password_is_never_challenged(member: Member) -> None:
    assert await refusal(member.ground.cognito.log_in(member.person["email"], "WrongPass1!")) == WRONG


async def test_the_password_of_a_choice_leads_to_the_challenge_too_and_uses_up_its_session(member: Member) -> None:
    me = {"USERNAME": member.person["email"]}
    asked = await member.ground.cognito.initiate("USER_AUTH", **me, PREFERRED_CHALLENGE="PASSWORD")
    both = [
        outcome(respond(member.ground.cognito, "PASSWORD", asked["Session"], **me, PASSWORD=PASSWORD)) for _ in range(2)
    ]
    said = await asyncio.gather(*both)
    assert said.count(USED) == 1
    (challenged,) = [one for one in said if one != USED]
    assert isinstance(challenged, dict)
    assert methods(await member.answer(challenged["Session"], member.code)) == ["pwd", "otp"]


@pytest.mark.parametrize("code", ["", "1", "abcdef", "\u0661" * 6, "0" * 9_000, "\0"])
async def test_a_wrong_code_leaves_the_session_good(member: Member, code: str) -> None:
    session = (await member.challenge())["Session"]
    assert await refusal(member.answer(session, code or member.wrong)) == WRONG_CODE
    assert await member.answer(session, member.code)


async def test_the_fifth_wrong_code_ends_it(member: Member) -> None:
    session = (await member.challenge())["Session"]
    for _ in range(TRIES):
        assert await refusal(member.answer(session, member.wrong)) == WRONG_CODE
    assert await refusal(member.answer(session, member.code)) == INVALID


async def test_a_code_that_was_used_is_told_so(member: Member) -> None:
    code = member.code
    assert await member.answer((await member.challenge())["Session"], code)
    session = (await member.challenge())["Session"]
    assert await refusal(member.answer(session, code)) == SPENT
    member.ground.fakes.ambient.advance(seconds=30)
    assert await member.answer(session, member.code)


async def test_it_is_good_once_at_whatever_instance(member: Member, serve: Serve) -> None:
    there = await elsewhere(member.ground.fakes, serve)
    session = (await member.challenge())["Session"]
    codes = [member.app.recovery_codes[0], member.app.recovery_codes[1], member.code]
    doors = [member.ground.cognito, there.cognito, there.cognito]
    said = await asyncio.gather(
        *(outcome(member.answer(session, code, door)) for code, door in zip(codes, doors, strict=True))
    )
    assert said.count(USED) == 2
    member.ground.fakes.ambient.advance(seconds=30)
    for door in doors:
        assert await refusal(member.answer(session, member.code, door)) == USED


async def test_an_answer_that_another_one_overtakes_is_told_that_the_session_was_used(member: Member) -> None:
    challenges = member.ground.fakes.application.login.challenges
    slow = await challenges.find(await second.challenge(member.ground.client, member.person))
    await challenges.finish(slow)
    with pytest.raises(InvalidChallengeError) as refused:
        await challenges.count_try(slow)
    assert refused.value.why == Reason.REUSED


async def test_it_expires_and_dies_with_the_password(member: Member) -> None:
    old = (await member.challenge())["Session"]
    member.ground.fakes.ambient.advance(minutes=3)
    assert await refusal(member.answer(old, member.code)) == EXPIRED
    session = (await member.challenge())["Session"]
    tokens = await (await second.log_in(member.ground.client, member.person, code=member.code)).json()
    member.ground.fakes.ambient.advance(seconds=30)
    change = {"currentPassword": PASSWORD, "newPassword": "EvenMoreSecure2?", "code": member.code}
    changed = await member.ground.client.post("/auth/password", change, Authorization=f"Bearer {tokens['idToken']}")
    assert changed.status == 200, await changed.text()
    member.ground.fakes.ambient.advance(seconds=30)
    assert await refusal(member.answer(session, member.code)) == INVALID


async def test_a_longer_life_of_sessions_does_not_prolong_the_challenge(make_ground: MakeGround) -> None:
    member = await a_member(await make_ground(cognito={"session_lifetime": "1h"}))
    session = (await member.challenge())["Session"]
    member.ground.fakes.ambient.advance(minutes=5)
    assert await refusal(member.answer(session, member.code)) == EXPIRED


async def test_it_is_of_no_use_to_another_user_even_with_that_user_s_code(ground: Ground) -> None:
    member, other = await a_member(ground), await a_member(ground)
    session = (await member.challenge())["Session"]
    for name in (other.person["email"], other.person["userId"], UNKNOWN):
        for code in (member.code, other.code):
            wrong = respond(ground.cognito, "SOFTWARE_TOKEN_MFA", session, USERNAME=name, SOFTWARE_TOKEN_MFA_CODE=code)
            assert await refusal(wrong) == INVALID
    assert await member.answer(session, member.code)


async def test_a_recovery_code_is_typed_in_place_of_the_app_s(member: Member) -> None:
    code = member.app.recovery_codes[0]
    assert methods(await member.answer((await member.challenge())["Session"], code)) == ["pwd", "otp"]
    session = (await member.challenge())["Session"]
    assert await refusal(member.answer(session, code)) == WRONG_CODE
    assert await member.answer(session, member.app.recovery_codes[1].lower().replace("-", ""))


async def test_wrong_codes_are_one_count_at_both_doors(make_ground: MakeGround) -> None:
    member = await a_member(await make_ground(throttle={"exempt": [], "login_known_source": "2/5m"}))
    session = (await member.challenge())["Session"]
    assert await refusal(member.answer(session, member.wrong)) == WRONG_CODE
    token = await second.challenge(member.ground.client, member.person)
    assert (await second.answer(member.ground.client, token, member.wrong)).status == 401
    assert await refusal(member.answer(session, member.code)) == ATTEMPTS
    assert (await second.answer(member.ground.client, token, member.code)).status == 429


async def test_the_other_door_s_challenge_is_no_session(member: Member) -> None:
    token = await second.challenge(member.ground.client, member.person)
    assert await refusal(member.answer(token, member.code)) == INVALID
    session = (await member.challenge())["Session"]
    assert (await second.answer(member.ground.client, session, member.code)).status in (401, 422)


async def test_the_session_opens_for_the_client_that_began_it(make_ground: MakeGround) -> None:
    member = await a_member(await make_ground(cognito={"clients": "web"}))
    web = member.ground.of_client("web")
    session = (await member.challenge(web))["Session"]
    assert await refusal(member.answer(session, member.code)) == INVALID
    tokens = (await member.answer(session, member.code, web))["AuthenticationResult"]
    assert json.loads(part(tokens["AccessToken"], 1))["client_id"] == "web"
    assert (await member.ground.client.refresh({"refreshToken": tokens["RefreshToken"]})).status == 401


# --- passkeys


@pytest.fixture
async def sea(make_ground: MakeGround) -> Ground:
    return await make_ground(passkeys=SETTINGS)


async def with_passkey(ground: Ground) -> tuple[Person, Authenticator, list[str]]:
    person = await ground.client.sign_up()
    device, added = await passkeys.enrol(ground.client, person, await ground.client.log_in(person))
    return person, device, added["recoveryCodes"]


def options(answered: Answer) -> dict[str, Any]:
    return dict(json.loads(answered["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]))


async def by_passkey(ground: Ground, session: str, name: str, credential: Any) -> Answer:
    shown = json.dumps(credential)
    return await respond(ground.cognito, "WEB_AUTHN", session, USERNAME=name, CREDENTIAL=shown)


async def ask_passkey(ground: Ground, name: str) -> Answer:
    return await ground.cognito.initiate("USER_AUTH", USERNAME=name, PREFERRED_CHALLENGE="WEB_AUTHN")


async def test_a_passkey_signs_in_alone(sea: Ground) -> None:
    person, device, _ = await with_passkey(sea)
    asked = await ask_passkey(sea, person["email"])
    assert asked["ChallengeName"] == "WEB_AUTHN"
    credential = device.prove(options(asked))
    signed_in = await by_passkey(sea, asked["Session"], person["userId"], credential)
    assert methods(signed_in) == ["hwk", "user"]
    assert await refusal(by_passkey(sea, asked["Session"], person["email"], credential)) == USED
    choice = await sea.cognito.initiate("USER_AUTH", USERNAME=person["email"])
    me = {"USERNAME": person["email"]}
    asked = await respond(sea.cognito, "SELECT_CHALLENGE", choice["Session"], **me, ANSWER="WEB_AUTHN")
    assert await by_passkey(sea, asked["Session"], person["email"], device.prove(options(asked)))


async def test_unknown_users_are_asked_for_a_passkey_as_others_are(sea: Ground) -> None:
    person, device, _ = await with_passkey(sea)
    known, unknown = await ask_passkey(sea, person["email"]), await ask_passkey(sea, UNKNOWN)
    assert {**options(known), "challenge": ""} == {**options(unknown), "challenge": ""}
    assert await refusal(by_passkey(sea, unknown["Session"], UNKNOWN, device.prove(options(unknown)))) == WRONG


async def test_a_passkey_of_somebody_else_or_a_wrong_one_is_refused(sea: Ground) -> None:
    person, device, _ = await with_passkey(sea)
    other, its_device, _ = await with_passkey(sea)
    asked = await ask_passkey(sea, person["email"])
    assert await refusal(by_passkey(sea, asked["Session"], other["email"], its_device.prove(options(asked)))) == INVALID
    assert await refusal(by_passkey(sea, asked["Session"], person["email"], its_device.prove(options(asked)))) == WRONG
    asked = await ask_passkey(sea, person["email"])
    stranger = Authenticator(id=device.id, handle=device.handle)
    assert await refusal(by_passkey(sea, asked["Session"], person["email"], stranger.prove(options(asked)))) == WRONG
    asked = await ask_passkey(sea, person["email"])
    assert await refusal(by_passkey(sea, asked["Session"], person["email"], {})) == WRONG


@pytest.mark.parametrize("text", ["[]", "1", "x", '"x"', "[" * 100_000, "null"])
async def test_a_credential_is_a_json_object(sea: Ground, text: str) -> None:
    person, _, _ = await with_passkey(sea)
    asked = await ask_passkey(sea, person["email"])
    wrong = respond(sea.cognito, "WEB_AUTHN", asked["Session"], USERNAME=person["email"], CREDENTIAL=text[:60_000])
    assert await refusal(wrong) == ("InvalidParameter", "CREDENTIAL must be a JSON object.")


async def test_of_two_answers_with_one_passkey_at_once_one_signs_in(sea: Ground) -> None:
    person, device, _ = await with_passkey(sea)
    asked = await ask_passkey(sea, person["email"])
    credential = device.prove(options(asked))
    both = [outcome(by_passkey(sea, asked["Session"], person["email"], credential)) for _ in range(3)]
    said = await asyncio.gather(*both)
    assert said.count(USED) == 2


async def test_who_has_passkeys_alone_is_asked_for_one_after_the_password(sea: Ground) -> None:
    person, device, codes = await with_passkey(sea)
    given = {"USERNAME": person["email"], "PASSWORD": PASSWORD}
    challenged = await sea.cognito.initiate("USER_PASSWORD_AUTH", **given)
    assert challenged["ChallengeName"] == "WEB_AUTHN"
    assert challenged["ChallengeParameters"]["USER_ID_FOR_SRP"] == person["userId"]
    proved = device.prove(options(challenged))
    assert methods(await by_passkey(sea, challenged["Session"], person["email"], proved)) == ["pwd", "hwk", "user"]
    assert await refusal(by_passkey(sea, challenged["Session"], person["email"], proved)) == USED
    challenged = await sea.cognito.initiate("USER_PASSWORD_AUTH", **given)
    recovered = await respond(
        sea.cognito,
        "SOFTWARE_TOKEN_MFA",
        challenged["Session"],
        USERNAME=person["email"],
        SOFTWARE_TOKEN_MFA_CODE=codes[0],
    )
    assert methods(recovered) == ["pwd", "otp"]


async def test_with_an_app_as_well_the_app_is_asked_for_and_the_passkey_is_taken(sea: Ground) -> None:
    person, device, codes = await with_passkey(sea)
    tokens = await (await second.log_in(sea.client, person, code=codes[0])).json()
    begun = await second.begin(sea.client, person, tokens, code=codes[1])
    app = App((await begun.json())["uri"])
    assert (await second.confirm(sea.client, tokens, app.code(sea.fakes.ambient.now(), -1))).status == 200
    challenged = await sea.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=person["email"], PASSWORD=PASSWORD)
    assert challenged["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    proved = device.prove(await passkeys.options(sea.client))
    assert await by_passkey(sea, challenged["Session"], person["email"], proved)
