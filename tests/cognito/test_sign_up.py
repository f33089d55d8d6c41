"""SignUp, ConfirmSignUp, ResendConfirmationCode."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.domain.models import User
from service.errors import UnavailableError
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoFailure, Refused
from tests.support.cognito_members import EXPIRED, LIMITED, MISMATCH, NEW, Somebody, another, pairs
from tests.support.postbox import MAIL

NOT_CONFIRMED = Refused("UserNotConfirmed", "User is not confirmed.")
CONFIRMED = Refused("NotAuthorized", "User cannot be confirmed. Current status is CONFIRMED")


@pytest.fixture
async def confirming(make_ground: MakeGround) -> Ground:
    return await make_ground({"confirm_signup": True}, mail=MAIL)


@pytest.fixture
async def somebody(ground: Ground) -> Somebody:
    return Somebody(ground)


@pytest.fixture
async def new(confirming: Ground) -> Somebody:
    return Somebody(confirming)


async def test_an_account_is_there_at_once_on_both_doors(somebody: Somebody) -> None:
    answer = await somebody.sign_up(UserAttributes=pairs(given_name="Ada", family_name="Lovelace", nickname="A."))
    assert set(answer) == {"UserConfirmed", "UserSub"}
    assert answer["UserConfirmed"] is True
    await somebody.log_in()
    assert await somebody.attributes() == {
        "sub": answer["UserSub"],
        "email": somebody.email,
        "email_verified": "false",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "nickname": "A.",
    }
    tokens = await somebody.ground.client.log_in({"email": somebody.email, "password": PASSWORD})
    me = await (await somebody.ground.client.me(tokens)).json()
    assert (me["userId"], me["firstName"], me["lastName"]) == (answer["UserSub"], "Ada", "Lovelace")


async def test_without_any_attribute_the_names_are_empty(somebody: Somebody) -> None:
    await somebody.sign_up()
    tokens = await somebody.ground.client.log_in({"email": somebody.email, "password": PASSWORD})
    assert (tokens["firstName"], tokens["lastName"]) == ("", "")
    await somebody.log_in()
    assert set(await somebody.attributes()) == {"sub", "email", "email_verified"}


@pytest.mark.parametrize(
    "username", ["ada", "ada@", "@example.com", "ada@localhost", "4b1b8ea2-b30a-4e2e-9d55-0123456789ab"]
)
async def test_the_username_of_a_sign_up_is_an_address(somebody: Somebody, username: str) -> None:
    refusal = await somebody.refused_client("SignUp", Username=username, Password=PASSWORD)
    assert refusal == Refused("InvalidParameter", "Username should be an email.")


async def test_an_attribute_email_is_the_same_address_in_any_case_or_refused(somebody: Somebody) -> None:
    refusal = await somebody.refused_client("SignUp", Password=PASSWORD, UserAttributes=pairs(email="eve@example.com"))
    assert refusal.kind == "InvalidParameter"
    assert not somebody.ground.fakes.users.rows
    await somebody.sign_up(UserAttributes=pairs(email=somebody.email.upper()))
    await somebody.log_in()
    assert (await somebody.attributes())["email"] == somebody.email


@pytest.mark.parametrize("again", [str, str.upper])
async def test_an_address_has_one_account(somebody: Somebody, again: Any) -> None:
    await somebody.sign_up()
    refusal = await somebody.refused_client("SignUp", Username=again(somebody.email), Password=PASSWORD)
    assert refusal == Refused("UsernameExists", "User already exists")


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Aa1!", "not long enough"),
        ("lower1!aa", "must have uppercase characters"),
        ("UPPER1!AA", "must have lowercase characters"),
        ("Letters!!", "must have numeric characters"),
        ("Letters11", "must have symbol characters"),
        ("short", "not long enough"),
    ],
)
async def test_a_weak_password_is_refused_by_its_first_broken_rule(
    somebody: Somebody, password: str, rule: str
) -> None:
    refusal = await somebody.refused_client("SignUp", Password=password)
    assert refusal == Refused("InvalidPassword", f"Password did not conform with policy: Password {rule}")
    assert not somebody.ground.fakes.users.rows


async def test_a_common_password_is_refused_where_the_settings_say_so(make_ground: MakeGround) -> None:
    somebody = Somebody(await make_ground(passwords={"refuse_common": True}))
    refusal = await somebody.refused_client("SignUp", Password="Password1!")
    assert refusal.kind == "InvalidPassword"


async def test_a_sign_up_without_a_password_is_refused(somebody: Somebody) -> None:
    refusal = await somebody.refused_client("SignUp")
    assert refusal == Refused("InvalidParameter", "Missing required parameter Password")


@pytest.mark.parametrize(
    "name", ["sub", "email_verified", "phone_number_verified", "identities", "cognito:groups", "custom:x", "shoe"]
)
async def test_what_nobody_sets_is_refused_and_there_is_no_account(somebody: Somebody, name: str) -> None:
    refusal = await somebody.refused_client(
        "SignUp", Password=PASSWORD, UserAttributes=[{"Name": name, "Value": "1"}, *pairs(nickname="x")]
    )
    assert refusal == Refused("InvalidParameter", f"{name} is no attribute that a user can set")
    assert not somebody.ground.fakes.users.rows


async def test_sign_ups_have_a_limit(make_ground: MakeGround) -> None:
    ground = await make_ground(throttle={"exempt": [], "signup_source": "1/1h"})
    await Somebody(ground).sign_up()
    refusal = await Somebody(ground).refused_client("SignUp", Password=PASSWORD)
    assert refusal == Refused("TooManyRequests", "Rate exceeded")


async def test_mails_speak_the_language_of_the_client(make_ground: MakeGround) -> None:
    somebody = Somebody(await make_ground(mail=MAIL))
    body = f'{{"ClientId":"tokenhouse","Username":"{somebody.email}","Password":"{PASSWORD}"}}'
    headers = {"Accept-Language": "de-AT, en;q=0.5"}
    target = "AWSCognitoIdentityProviderService.SignUp"
    assert (await somebody.cognito.send(target, body.encode(), **headers)).status == 200
    assert (await somebody.postbox.one()).language == "de"


async def test_where_nothing_is_to_be_confirmed_the_status_is_confirmed(somebody: Somebody) -> None:
    await somebody.sign_up()
    assert await somebody.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == CONFIRMED
    assert await somebody.refused_client("ResendConfirmationCode") == Refused(
        "InvalidParameter", "User is already confirmed."
    )


async def test_a_sign_up_to_be_confirmed_admits_nobody_before(new: Somebody) -> None:
    answer = await new.sign_up()
    assert answer["UserConfirmed"] is False
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "a***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    refusal = await new.cognito.refused(
        "InitiateAuth",
        ClientId="tokenhouse",
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": new.email, "PASSWORD": PASSWORD},
    )
    assert refusal == NOT_CONFIRMED
    assert await new.log_in_elsewhere() == 403
    assert await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code()) == {}
    await new.log_in()
    assert (await new.attributes())["email_verified"] == "true"
    assert await new.log_in_elsewhere() == 200


async def test_a_refused_login_leaves_the_code_of_the_sign_up_good(new: Somebody) -> None:
    await new.sign_up()
    code = await new.code()
    assert await new.log_in_elsewhere() == 403
    assert await new.postbox.collect() == []
    await new.of_client("ConfirmSignUp", ConfirmationCode=code)


async def test_when_the_code_is_over_a_refused_login_sends_another_as_short(new: Somebody) -> None:
    await new.sign_up()
    await new.code()
    new.ground.fakes.ambient.advance(minutes=15)
    assert await new.log_in_elsewhere() == 403
    letter = await new.postbox.one()
    assert letter.values["minutes"] == "15"
    assert await new.of_client("ConfirmSignUp", ConfirmationCode=letter.values["code"]) == {}


async def test_an_api_key_is_no_way_around_the_proof(new: Somebody) -> None:
    user_id = UUID((await new.sign_up())["UserSub"])
    key, sealed, digest = new.ground.fakes.application.accounts.api_keys.make(user_id)
    await new.ground.fakes.users.set_api_key(user_id, sealed, digest, None, session_id="")
    headers = {"x-api-key": key.text}
    assert (await new.ground.client.get("/auth/me", **headers)).status == 401
    await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code())
    assert (await new.ground.client.get("/auth/me", **headers)).status == 200


async def test_a_sign_up_is_confirmed_once(new: Somebody) -> None:
    await new.sign_up()
    code = await new.code()
    await new.of_client("ConfirmSignUp", ConfirmationCode=code)
    for shown in (code, "12345678"):
        assert await new.refused_client("ConfirmSignUp", ConfirmationCode=shown) == CONFIRMED
    assert await new.refused_client("ResendConfirmationCode") == Refused(
        "InvalidParameter", "User is already confirmed."
    )


async def test_wrong_codes_are_told_from_too_many_and_a_new_mail_brings_new_tries(new: Somebody) -> None:
    await new.sign_up()
    code = await new.code()
    for _ in range(5):
        assert await new.refused_client("ConfirmSignUp", ConfirmationCode=another(code)) == MISMATCH
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode=code) == LIMITED
    await new.of_client("ResendConfirmationCode")
    await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code())


async def test_a_code_is_good_for_fifteen_minutes(new: Somebody) -> None:
    await new.sign_up()
    code = await new.code()
    new.ground.fakes.ambient.advance(minutes=15)
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode=code) == EXPIRED


async def test_the_setting_shortens_the_life_of_codes_and_the_mail_says_so(make_ground: MakeGround) -> None:
    new = Somebody(await make_ground({"confirm_signup": True, "code_lifetime": "2m"}, mail=MAIL))
    await new.sign_up()
    letter = await new.postbox.one()
    assert letter.values["minutes"] == "2"
    assert letter.good_until == new.ground.fakes.ambient.now() + timedelta(minutes=2)
    new.ground.fakes.ambient.advance(minutes=2)
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode=letter.values["code"]) == EXPIRED


async def test_a_code_is_looked_for_before_its_mail_is_written(new: Somebody) -> None:
    await new.sign_up()
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == MISMATCH


async def test_the_sub_is_a_username_too_and_of_another_user_no_code_is_good(new: Somebody) -> None:
    sub = (await new.sign_up())["UserSub"]
    code = await new.code()
    other = Somebody(new.ground)
    await other.sign_up()
    assert await other.refused_client("ConfirmSignUp", ConfirmationCode=code) == MISMATCH
    await new.of_client("ConfirmSignUp", Username=sub.upper(), ConfirmationCode=code)
    assert await new.log_in()


async def test_unknown_users_meet_the_same_answers_and_no_mail(new: Somebody) -> None:
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == EXPIRED
    answer = await new.of_client("ResendConfirmationCode")
    assert answer["CodeDeliveryDetails"]["Destination"] == "a***@e***"
    assert await new.postbox.collect() == []
    for _ in range(5):
        assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == MISMATCH
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == LIMITED


async def test_where_the_settings_say_so_unknown_users_are_told(make_ground: MakeGround) -> None:
    settings = {"confirm_signup": True, "prevent_user_existence_errors": False}
    nobody = Somebody(await make_ground(settings, mail=MAIL))
    unknown = Refused("UserNotFound", "User does not exist.")
    assert await nobody.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == unknown
    assert await nobody.refused_client("ResendConfirmationCode") == unknown


@pytest.mark.parametrize("who", ["somebody", "nobody"])
async def test_one_account_is_sent_five_codes_an_hour_whether_it_exists_or_not(
    make_ground: MakeGround, who: str
) -> None:
    new = Somebody(
        await make_ground({"confirm_signup": True}, mail=MAIL, throttle={"exempt": [], "mail_source": "99/1h"})
    )
    if who == "somebody":
        await new.sign_up()
    for _ in range(5):
        await new.of_client("ResendConfirmationCode")
    assert await new.refused_client("ResendConfirmationCode") == LIMITED
    new.ground.fakes.ambient.advance(minutes=12)
    await new.of_client("ResendConfirmationCode")


CALLS = {"ConfirmSignUp": {"ConfirmationCode": "12345678"}, "ResendConfirmationCode": {}}


@pytest.mark.parametrize(
    ("operation", "limit"), [("ConfirmSignUp", "code_source"), ("ResendConfirmationCode", "mail_source")]
)
async def test_a_source_asks_who_is_confirmed_as_rarely_as_anything_else(
    make_ground: MakeGround, operation: str, limit: str
) -> None:
    ground = await make_ground({"confirm_signup": True}, mail=MAIL, throttle={"exempt": [], limit: "4/1h"})
    owner, waiting = Somebody(ground, (await ground.client.sign_up())["email"]), Somebody(ground)
    await waiting.sign_up()
    answers = []
    for one in (owner, waiting, Somebody(ground), owner, owner, waiting, Somebody(ground)):
        try:
            answers.append(str(await one.of_client(operation, **CALLS[operation])))
        except CognitoFailure as refused:
            answers.append(refused.kind)
    assert "LimitExceeded" not in answers[:4]
    assert answers[4:] == ["LimitExceeded"] * 3


async def test_strangers_who_ask_whether_an_owner_is_confirmed_use_up_nothing_of_the_account(
    make_ground: MakeGround,
) -> None:
    ground = await make_ground(
        {"confirm_signup": True}, mail=MAIL, throttle={"exempt": [], "code_account": "1/1h", "mail_address": "1/1h"}
    )
    owner = Somebody(ground, (await ground.client.sign_up())["email"])
    await owner.postbox.collect()
    for _ in range(2):
        for operation, members in CALLS.items():
            await owner.refused_client(operation, **members)
    await owner.of_client("ForgotPassword")
    await owner.of_client("ConfirmForgotPassword", ConfirmationCode=await owner.code(), Password=NEW)


async def test_a_new_password_by_mail_confirms_too(new: Somebody) -> None:
    await new.sign_up()
    await new.code()
    await new.of_client("ForgotPassword")
    await new.of_client("ConfirmForgotPassword", ConfirmationCode=await new.code(), Password=NEW)
    await new.log_in(NEW)
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == CONFIRMED


async def test_only_a_first_proof_was_asked_for(new: Somebody) -> None:
    sub = UUID((await new.sign_up())["UserSub"])
    await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code())
    rows = new.ground.fakes.users.rows
    rows[sub] = replace(rows[sub], email_verified_at=None)  # as after a change that somebody else proved
    assert await new.refused_client("ConfirmSignUp", ConfirmationCode="12345678") == CONFIRMED
    assert await new.log_in_elsewhere() == 200


async def test_where_every_address_must_be_proved_a_sign_up_is_to_be_confirmed(make_ground: MakeGround) -> None:
    new = Somebody(await make_ground(mail=MAIL | {"verification": "required"}))
    assert (await new.sign_up())["UserConfirmed"] is False
    assert await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code()) == {}
    assert await new.log_in()


async def test_an_account_of_the_other_door_is_not_confirmed_by_a_code_alone(confirming: Ground) -> None:
    person = await confirming.client.sign_up()
    owner = Somebody(confirming, person["email"])
    code = await owner.code()
    assert await owner.refused_client("ConfirmSignUp", ConfirmationCode=code) == CONFIRMED
    tokens = await confirming.client.log_in(person)
    me = await confirming.client.get("/auth/me?include=emailVerified", **bearer(tokens))
    assert (await me.json())["emailVerified"] is False


async def test_an_account_that_is_made_meanwhile_is_not_confirmed_by_a_code_alone(
    confirming: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await confirming.client.sign_up()
    owner = Somebody(confirming, person["email"])
    code = await owner.code()
    users = confirming.fakes.application.backends.proved_users
    there_by_now, answers = users.by_email, [None]

    async def by_email(canonical_email: str) -> User | None:
        return answers.pop() if answers else await there_by_now(canonical_email)

    monkeypatch.setattr(users, "by_email", by_email)
    assert await owner.refused_client("ConfirmSignUp", ConfirmationCode=code) == CONFIRMED
    assert confirming.fakes.users.rows[UUID(person["userId"])].email_verified_at is None


async def test_an_outage_of_the_mail_does_not_undo_the_account(new: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(new.ground.fakes.outbox, "add", fail)
    assert (await new.sign_up())["UserConfirmed"] is False
    monkeypatch.undo()
    await new.of_client("ResendConfirmationCode")
    await new.of_client("ConfirmSignUp", ConfirmationCode=await new.code())


async def test_an_outage_is_never_a_refusal(new: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    await new.sign_up()
    code = await new.code()

    async def fail(*_: object) -> None:
        raise UnavailableError

    monkeypatch.setattr(new.ground.fakes.application.backends.proved_users, "prove", fail)
    answer = await new.cognito.send(
        "AWSCognitoIdentityProviderService.ConfirmSignUp",
        f'{{"ClientId":"tokenhouse","Username":"{new.email}","ConfirmationCode":"{code}"}}'.encode(),
    )
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (503, "InternalErrorException")
    monkeypatch.undo()
    await new.of_client("ConfirmSignUp", ConfirmationCode=code)


async def test_the_owner_of_an_address_takes_over_what_a_squatter_has_signed_up(new: Somebody) -> None:
    await new.sign_up()
    body = {"email": new.email, "code": await new.code(), "newPassword": NEW}
    assert (await new.ground.client.post("/auth/email/verify", body)).status == 200
    assert (await new.log_in_elsewhere(), await new.log_in_elsewhere(NEW)) == (401, 200)
    await new.log_in(NEW)
    assert (await new.attributes())["email_verified"] == "true"


async def test_the_code_and_the_password_together_confirm_at_the_other_door(new: Somebody) -> None:
    await new.sign_up()
    body = {"email": new.email, "code": await new.code(), "password": PASSWORD}
    assert (await new.ground.client.post("/auth/email/verify", body)).status == 200
    assert await new.log_in()


# --- where sign-up is not open

NOT_PERMITTED = Refused("NotAuthorized", "SignUp is not permitted for this user pool")


async def test_where_sign_up_is_closed_nobody_signs_up_here_either(make_ground: MakeGround) -> None:
    somebody = Somebody(await make_ground(signup={"mode": "closed"}))
    for username in (somebody.email, "nobody"):
        assert await somebody.refused_client("SignUp", Username=username, Password=PASSWORD) == NOT_PERMITTED


async def test_an_invitation_comes_in_the_client_metadata(make_ground: MakeGround) -> None:
    somebody = Somebody(await make_ground(signup={"mode": "invited"}))
    invitations = somebody.ground.fakes.application.invitations
    one = await invitations.invite(somebody.email, timedelta(days=7), by_mail=False)
    assert await somebody.refused_client("SignUp", Username=somebody.email, Password=PASSWORD) == NOT_PERMITTED
    for wrong in ("", "iv_none"):
        metadata = {"invitation": wrong}
        refusal = await somebody.refused_client(
            "SignUp", Username=somebody.email, Password=PASSWORD, ClientMetadata=metadata
        )
        assert refusal == NOT_PERMITTED
    await somebody.sign_up(ClientMetadata={"invitation": invitations.links.token(one.id)})
    await somebody.log_in()


async def test_a_mailed_invitation_needs_no_confirmation(make_ground: MakeGround) -> None:
    somebody = Somebody(await make_ground({"confirm_signup": True}, mail=MAIL, signup={"mode": "invited"}))
    invitations = somebody.ground.fakes.application.invitations
    one = await invitations.invite(somebody.email, timedelta(days=7), by_mail=True)
    answer = await somebody.sign_up(ClientMetadata={"invitation": invitations.links.token(one.id)})
    assert answer["UserConfirmed"] is True
    assert "CodeDeliveryDetails" not in answer
    await somebody.log_in()
    assert (await somebody.attributes())["email_verified"] == "true"
