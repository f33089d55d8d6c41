"""GetUser, UpdateUserAttributes, DeleteUserAttributes, GetUserAttributeVerificationCode, VerifyUserAttribute."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.domain.events.security_events import Reason
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.builders import PASSWORD
from tests.support.cognito import Refused
from tests.support.cognito_members import EXPIRED, LIMITED, MISMATCH, Somebody, another, pairs
from tests.support.postbox import MAIL
from tests.support.second_factors import enrol

NEXT = "next@example.com"
KEPT = {
    "address": "1 Street\nTown",
    "birthdate": "1815-12-10",
    "gender": "female",
    "locale": "en-GB",
    "middle_name": "King",
    "name": "Ada King",
    "nickname": "A.",
    "phone_number": "+442079460000",
    "picture": "https://example.com/ada.png",
    "preferred_username": "ada",
    "profile": "https://example.com/ada",
    "updated_at": "1795848672",
    "website": "https://example.com",
    "zoneinfo": "Europe/London",
}
TAKEN = Refused("AliasExists", "An account with the given email already exists.")


async def member(ground: Ground, **attributes: str) -> Somebody:
    ada = Somebody(ground)
    await ada.sign_up(UserAttributes=pairs(**attributes))
    await ada.log_in()
    await ada.postbox.collect()
    return ada


@pytest.fixture
async def ada(make_ground: MakeGround) -> Somebody:
    return await member(await make_ground(mail=MAIL))


async def update(ada: Somebody, **attributes: str | None) -> dict[str, Any]:
    return await ada.call("UpdateUserAttributes", UserAttributes=pairs(**attributes))


async def update_refused(ada: Somebody, **attributes: str | None) -> Refused:
    return await ada.refused("UpdateUserAttributes", UserAttributes=pairs(**attributes))


async def test_all_standard_attributes_are_kept_and_exported(ada: Somebody) -> None:
    assert await update(ada, **KEPT) == {}
    shown = await ada.attributes()
    assert shown.pop("phone_number_verified") == "false"
    assert {name: shown[name] for name in KEPT} == KEPT
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    exported = await (await ada.ground.client.get("/auth/export", **bearer(tokens))).json()
    assert exported["attributes"] == KEPT
    me = await (await ada.ground.client.me(tokens)).json()
    assert set(me) == {"userId", "email", "firstName", "lastName", "createdAt"}


async def test_names_are_those_of_the_other_door(ada: Somebody) -> None:
    await update(ada, given_name="  Augusta ", family_name="King")
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    assert (tokens["firstName"], tokens["lastName"]) == ("Augusta", "King")
    body = {"firstName": "Ada"}
    assert (await ada.ground.client.http.patch("/auth/me", json=body, headers=bearer(tokens))).status == 200
    assert (await ada.attributes())["given_name"] == "Ada"


@pytest.mark.parametrize("blank", ["", "  ", None])
async def test_a_blank_value_removes(ada: Somebody, blank: str | None) -> None:
    await update(ada, given_name="Ada", nickname="A.", website="https://example.com")
    await update(ada, given_name=blank, nickname=blank)
    shown = await ada.attributes()
    assert not {"given_name", "nickname"} & set(shown)
    assert shown["website"] == "https://example.com"
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    assert tokens["firstName"] == ""


@pytest.mark.parametrize(
    "name",
    [
        "sub",
        "email_verified",
        "phone_number_verified",
        "identities",
        "cognito__user_status",
        "custom__shoe",
        "dev__custom__x",
        "shoe",
        "username",
        "password",
    ],
)
async def test_what_nobody_sets_is_refused_with_all_else_of_the_call(ada: Somebody, name: str) -> None:
    refusal = await update_refused(ada, given_name="Eve", nickname="E.", **{name: "true"})
    assert refusal == Refused("InvalidParameter", f"{name.replace('__', ':')} is no attribute that a user can set")
    assert set(await ada.attributes()) == {"sub", "email", "email_verified"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phone_number", "442079460000"),
        ("phone_number", "+44 20"),
        ("phone_number", "+1234567890123456"),
        ("birthdate", "10.12.1815"),
        ("birthdate", "1815-1-10"),
        ("updated_at", "yesterday"),
        ("nickname", "a\0b"),
        ("given_name", "\u200b"),
        ("family_name", "x" * 101),
        ("email", "no address"),
        ("email", ""),
    ],
)
async def test_a_value_that_breaks_a_rule_is_refused_and_not_repeated(ada: Somebody, name: str, value: str) -> None:
    refusal = await update_refused(ada, website="w", **{name: value})
    assert refusal.kind == "InvalidParameter"
    assert refusal.message.startswith(name)
    assert value == "" or value not in refusal.message
    assert "website" not in await ada.attributes()


async def test_an_attribute_is_given_once(ada: Somebody) -> None:
    twice = [*pairs(nickname="a"), *pairs(nickname="b")]
    assert (await ada.refused("UpdateUserAttributes", UserAttributes=twice)).kind == "InvalidParameter"
    assert "nickname" not in await ada.attributes()


async def test_deleting_attributes_leaves_the_others(ada: Somebody) -> None:
    await update(ada, given_name="Ada", nickname="A.", website="w")
    assert await ada.call("DeleteUserAttributes", UserAttributeNames=["nickname", "given_name", "gender"]) == {}
    assert set(await ada.attributes()) == {"sub", "email", "email_verified", "website"}


@pytest.mark.parametrize("name", ["email", "sub", "email_verified", "custom:x", "cognito:x"])
async def test_some_attributes_stay(ada: Somebody, name: str) -> None:
    await update(ada, nickname="A.")
    refusal = await ada.refused("DeleteUserAttributes", UserAttributeNames=["nickname", name])
    assert refusal.kind == "InvalidParameter"
    assert (await ada.attributes())["nickname"] == "A."


async def test_updates_have_the_limit_of_the_other_door(make_ground: MakeGround) -> None:
    ada = await member(await make_ground(throttle={"exempt": [], "profile_change": "2/1h"}))
    await update(ada, nickname="A.")
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    body = {"firstName": "Ada"}
    assert (await ada.ground.client.http.patch("/auth/me", json=body, headers=bearer(tokens))).status == 200
    assert await update_refused(ada, nickname="B.") == Refused("TooManyRequests", "Rate exceeded")


async def test_totp_is_the_preferred_factor_while_logins_ask_for_it(ada: Somebody) -> None:
    answer = await ada.call("GetUser")
    assert "UserMFASettingList" not in answer
    assert "PreferredMfaSetting" not in answer
    person = {"email": ada.email, "password": PASSWORD}
    tokens = await ada.ground.client.log_in(person)
    await enrol(ada.ground.client, person, tokens, ada.ground.fakes.ambient.now())
    answer = await ada.cognito.call("GetUser", AccessToken=tokens["accessToken"])
    assert (answer["UserMFASettingList"], answer["PreferredMfaSetting"]) == (
        ["SOFTWARE_TOKEN_MFA"],
        "SOFTWARE_TOKEN_MFA",
    )


async def test_a_new_address_counts_once_it_is_proved(ada: Somebody) -> None:
    answer = await update(ada, email=NEXT, nickname="A.")
    assert answer["CodeDeliveryDetailsList"] == [
        {"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    ]
    shown = await ada.attributes()
    assert (shown["email"], shown["nickname"]) == (ada.email, "A.")
    assert await ada.log_in_elsewhere() == 200
    (letter,) = await ada.postbox.collect()
    assert letter.recipient == NEXT
    assert letter.values["minutes"] == "15"
    other = (await ada.cognito.log_in(ada.email, PASSWORD))["AccessToken"]
    assert await ada.call("VerifyUserAttribute", AttributeName="email", Code=letter.values["code"]) == {}
    shown = await ada.attributes()
    assert (shown["email"], shown["email_verified"]) == (NEXT, "true")
    assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code="12345678") == EXPIRED
    assert (await ada.cognito.refused("GetUser", AccessToken=other)).kind == "NotAuthorized"
    assert await ada.log_in_elsewhere() == 401
    ada.email = NEXT
    assert await ada.log_in_elsewhere() == 200


async def test_a_taken_address_is_refused_with_all_else_of_the_call(ada: Somebody) -> None:
    eve = Somebody(ada.ground)
    await eve.sign_up()
    await eve.postbox.collect()
    assert await update_refused(ada, email=eve.email.upper(), nickname="A.") == TAKEN
    assert "nickname" not in await ada.attributes()
    assert await ada.postbox.collect() == []


async def test_an_address_that_is_taken_meanwhile_is_refused_at_its_proof(ada: Somebody) -> None:
    await update(ada, email=NEXT)
    code = await ada.code()
    await Somebody(ada.ground, NEXT).sign_up()
    for _ in range(2):
        assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code=code) == TAKEN
    assert (await ada.attributes())["email"] == ada.email


async def test_the_present_address_again_asks_for_nothing(ada: Somebody) -> None:
    assert await update(ada, email=ada.email.upper()) == {}
    assert await ada.postbox.collect() == []


async def test_the_present_address_is_proved_by_its_code(ada: Somebody) -> None:
    answer = await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    assert answer["CodeDeliveryDetails"]["Destination"] == "a***@e***"
    code = await ada.code()
    wrong = await ada.refused("VerifyUserAttribute", AttributeName="email", Code=another(code))
    assert wrong == MISMATCH
    assert await ada.call("VerifyUserAttribute", AttributeName="email", Code=code) == {}
    assert (await ada.attributes())["email_verified"] == "true"
    assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code=code) == EXPIRED
    assert (await ada.refused("GetUserAttributeVerificationCode", AttributeName="email")).kind == "InvalidParameter"


async def test_the_code_of_a_change_can_be_asked_for_again(ada: Somebody) -> None:
    await update(ada, email=NEXT)
    old = await ada.code()
    ada.ground.fakes.ambient.advance(seconds=1)
    answer = await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    assert answer["CodeDeliveryDetails"]["Destination"] == "n***@e***"
    (letter,) = await ada.postbox.collect()
    assert letter.recipient == NEXT
    assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code=old) == MISMATCH
    await ada.call("VerifyUserAttribute", AttributeName="email", Code=letter.values["code"])
    assert (await ada.attributes())["email"] == NEXT


async def test_while_a_change_waits_the_present_address_can_still_be_proved(ada: Somebody) -> None:
    await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    code = await ada.code()
    await update(ada, email=NEXT)
    await ada.call("VerifyUserAttribute", AttributeName="email", Code=code)
    shown = await ada.attributes()
    assert (shown["email"], shown["email_verified"]) == (ada.email, "true")


async def test_wrong_codes_of_a_change_are_five(ada: Somebody) -> None:
    await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    await ada.call("VerifyUserAttribute", AttributeName="email", Code=await ada.code())
    assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code="12345678") == EXPIRED
    await update(ada, email=NEXT)
    code = await ada.code()
    for _ in range(5):
        assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code=another(code)) == MISMATCH
    assert await ada.refused("VerifyUserAttribute", AttributeName="email", Code=code) == LIMITED


async def test_a_code_of_a_change_is_good_for_fifteen_minutes(ada: Somebody) -> None:
    await update(ada, email=NEXT)
    (letter,) = await ada.postbox.collect()
    assert letter.good_until == ada.ground.fakes.ambient.now() + timedelta(minutes=15)
    ada.ground.fakes.ambient.advance(minutes=15)
    refusal = await ada.refused("VerifyUserAttribute", AttributeName="email", Code=letter.values["code"])
    assert refusal == EXPIRED


async def test_nothing_but_the_address_is_verified(ada: Somebody) -> None:
    await update(ada, phone_number="+442079460000")
    for operation, more in (("GetUserAttributeVerificationCode", {}), ("VerifyUserAttribute", {"Code": "12345678"})):
        refusal = await ada.refused(operation, AttributeName="phone_number", **more)
        assert refusal.kind == "InvalidParameter"


async def test_five_mails_an_hour_go_to_one_address(make_ground: MakeGround) -> None:
    ada = await member(await make_ground(mail=MAIL, throttle={"exempt": [], "mail_source": "99/1h"}))
    for _ in range(5):
        await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    assert await ada.refused("GetUserAttributeVerificationCode", AttributeName="email") == LIMITED
    assert await ada.refused_client("ForgotPassword") == LIMITED


async def test_a_limit_on_mails_leaves_all_attributes_as_they_were(make_ground: MakeGround) -> None:
    ada = await member(await make_ground(mail=MAIL, throttle={"exempt": [], "mail_source": "1/1h"}))
    await update(ada, email=NEXT)
    refusal = await update_refused(ada, email="other@example.com", nickname="A.")
    assert refusal.kind == "TooManyRequests"
    assert "nickname" not in await ada.attributes()


async def test_without_mail_an_address_cannot_be_changed_and_all_else_can(ground: Ground) -> None:
    ada = await member(ground)
    refusal = await update_refused(ada, email=NEXT, nickname="A.")
    assert refusal.kind == "CodeDeliveryFailure"
    assert "nickname" not in await ada.attributes()
    assert await update(ada, nickname="A.") == {}
    refusal = await ada.refused("GetUserAttributeVerificationCode", AttributeName="email")
    assert refusal.kind == "CodeDeliveryFailure"


async def test_a_disabled_user_has_no_attributes(ada: Somebody) -> None:
    rows = ada.ground.fakes.users.rows
    user_id = UUID((await ada.call("GetUser"))["Username"])
    await ada.ground.fakes.application.accounts.disable(rows[user_id].email)
    assert (await ada.refused("GetUser")).kind == "NotAuthorized"
    assert (await update_refused(ada, nickname="A.")).kind == "NotAuthorized"


async def test_each_kind_of_change_is_told_once(ada: Somebody) -> None:
    told: list[tuple[str, str]] = []
    ada.ground.fakes.application.events.add(lambda event: told.append((event.name.value, str(event.reason))))
    await update(ada, given_name="Ada", nickname="A.", email=NEXT)
    assert told == [
        ("user_updated", "names_changed"),
        ("user_updated", "attributes_changed"),
        ("user_updated", "email_change_requested"),
    ]
    told.clear()
    await ada.call("DeleteUserAttributes", UserAttributeNames=["nickname"])
    assert told == [("user_updated", "attributes_changed")]


async def test_a_session_that_ends_meanwhile_changes_nothing(ada: Somebody) -> None:
    fakes = ada.ground.fakes
    user_id = UUID((await ada.call("GetUser"))["Username"])
    await fakes.users.pending.add(fakes.application.user_revocation.of(user_id, Reason.PASSWORD_RESET))
    refusal = await update_refused(ada, nickname="E.", email="eve@example.com")
    assert refusal == Refused("NotAuthorized", "Access Token has been revoked")
    assert await fakes.email_changes.waiting(user_id) is None


async def test_the_mails_to_a_new_address_are_counted_before_anything_is_changed(make_ground: MakeGround) -> None:
    ada = await member(await make_ground(mail=MAIL, throttle={"exempt": [], "mail_source": "99/1h"}))
    for _ in range(5):
        await update(ada, email=NEXT)
    assert (await update_refused(ada, email=NEXT, nickname="A.")).kind == "TooManyRequests"
    assert "nickname" not in await ada.attributes()
    assert await ada.refused("GetUserAttributeVerificationCode", AttributeName="email") == LIMITED


async def test_mails_that_one_member_asks_for_are_counted(make_ground: MakeGround) -> None:
    ada = await member(await make_ground(mail=MAIL, throttle={"exempt": [], "mail_source": "1/1h"}))
    await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    assert await ada.refused("GetUserAttributeVerificationCode", AttributeName="email") == LIMITED
