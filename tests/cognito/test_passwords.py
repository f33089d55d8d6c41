"""ForgotPassword, ConfirmForgotPassword, ChangePassword, DeleteUser."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support.builders import PASSWORD
from tests.support.cognito import Refused
from tests.support.cognito_members import EXPIRED, LIMITED, MISMATCH, NEW, WRONG, Somebody, pairs
from tests.support.postbox import MAIL

REVOKED = Refused("NotAuthorized", "Access Token has been revoked")
WEAK = Refused("InvalidPassword", "Password did not conform with policy: Password must have uppercase characters")


@pytest.fixture
async def ada(make_ground: MakeGround) -> Somebody:
    ada = Somebody(await make_ground(mail=MAIL))
    await ada.sign_up()
    await ada.log_in()
    await ada.postbox.collect()
    return ada


async def confirm(ada: Somebody, code: str, password: str = NEW) -> Refused:
    return await ada.refused_client("ConfirmForgotPassword", ConfirmationCode=code, Password=password)


async def test_a_forgotten_password_is_replaced_by_a_code_and_every_session_is_over(ada: Somebody) -> None:
    id_token = (await ada.cognito.log_in(ada.email, PASSWORD))["IdToken"]
    details = (await ada.of_client("ForgotPassword"))["CodeDeliveryDetails"]
    assert details == {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    code = await ada.code()
    assert len(code) == 8
    assert code.isdecimal()
    assert await ada.of_client("ConfirmForgotPassword", ConfirmationCode=code, Password=NEW) == {}
    assert await ada.refused("GetUser") == REVOKED
    assert (await ada.ground.client.get("/auth/me", **bearer({"idToken": id_token}))).status == 401
    assert await ada.log_in_elsewhere() == 401
    await ada.log_in(NEW)
    assert (await ada.attributes())["email_verified"] == "true"
    assert await ada.log_in_elsewhere(NEW) == 200


async def test_what_a_squatter_said_of_the_owner_goes_at_the_first_proof_and_no_later(make_ground: MakeGround) -> None:
    ada = Somebody(await make_ground(mail=MAIL))
    await ada.sign_up(UserAttributes=pairs(phone_number="+4915112345678", website="https://squatter.example"))
    await ada.postbox.collect()
    for password, left in ((NEW, set()), (PASSWORD, {"nickname"})):
        await ada.of_client("ForgotPassword")
        await ada.of_client("ConfirmForgotPassword", ConfirmationCode=await ada.code(), Password=password)
        await ada.log_in(password)
        assert set(await ada.attributes()) - {"sub", "email", "email_verified"} == left
        await ada.call("UpdateUserAttributes", UserAttributes=pairs(nickname="A."))
        ada.ground.fakes.ambient.advance(seconds=1)


async def test_a_code_is_good_once(ada: Somebody) -> None:
    await ada.of_client("ForgotPassword")
    code = await ada.code()
    await ada.of_client("ConfirmForgotPassword", ConfirmationCode=code, Password=NEW)
    assert await confirm(ada, code, "Third-Pass3!") == EXPIRED
    await ada.log_in(NEW)


async def test_a_weak_password_leaves_the_code_good(ada: Somebody) -> None:
    await ada.of_client("ForgotPassword")
    code = await ada.code()
    for _ in range(6):
        assert await confirm(ada, code, "lower1!aa") == WEAK
    await ada.of_client("ConfirmForgotPassword", ConfirmationCode=code, Password=NEW)


async def test_codes_of_both_doors_are_one(ada: Somebody) -> None:
    await ada.ground.client.post("/auth/forgot", {"email": ada.email})
    await ada.of_client("ConfirmForgotPassword", ConfirmationCode=await ada.code(), Password=NEW)
    ada.ground.fakes.ambient.advance(seconds=1)
    await ada.of_client("ForgotPassword")
    body = {"email": ada.email, "code": await ada.code(), "newPassword": PASSWORD}
    assert (await ada.ground.client.post("/auth/reset", body)).status == 200


async def test_a_code_serves_one_purpose(ada: Somebody) -> None:
    await ada.call("GetUserAttributeVerificationCode", AttributeName="email")
    code = await ada.code()
    assert await confirm(ada, code) == EXPIRED
    await ada.of_client("ForgotPassword")
    assert await confirm(ada, code) == MISMATCH


async def test_a_code_is_good_for_one_user(ada: Somebody) -> None:
    await ada.of_client("ForgotPassword")
    code = await ada.code()
    eve = Somebody(ada.ground)
    await eve.sign_up()
    assert await confirm(eve, code) == EXPIRED
    await eve.of_client("ForgotPassword")
    assert await confirm(eve, code) == MISMATCH


async def test_a_code_dies_after_fifteen_minutes_and_with_the_password(ada: Somebody) -> None:
    await ada.of_client("ForgotPassword")
    old = await ada.code()
    ada.ground.fakes.ambient.advance(minutes=15)
    assert await confirm(ada, old) == EXPIRED
    await ada.of_client("ForgotPassword")
    code = await ada.code()
    await ada.call("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword=NEW)
    assert await confirm(ada, code) == EXPIRED


async def test_a_newer_mail_replaces_an_older_one(ada: Somebody) -> None:
    await ada.of_client("ForgotPassword")
    old = await ada.code()
    ada.ground.fakes.ambient.advance(seconds=1)
    await ada.of_client("ForgotPassword")
    assert await confirm(ada, old) == MISMATCH
    await ada.of_client("ConfirmForgotPassword", ConfirmationCode=await ada.code(), Password=NEW)


async def known(ground: Ground) -> Somebody:
    ada = Somebody(ground)
    await ada.sign_up()
    return ada


async def disabled(ground: Ground) -> Somebody:
    ada = await known(ground)
    assert await ground.fakes.application.accounts.disable(ada.email)
    return ada


async def unknown(ground: Ground) -> Somebody:
    return Somebody(ground)


async def of_no_address(ground: Ground) -> Somebody:
    return Somebody(ground, "b7a4f2cc-4a5e-4a57-9b3c-2f9a3c4d5e6f")


Who = Callable[[Ground], Awaitable[Somebody]]


async def known_by_id(ground: Ground) -> Somebody:
    return Somebody(ground, (await Somebody(ground).sign_up())["UserSub"])


@pytest.mark.parametrize(
    ("make", "door"),
    [
        *((make, "here") for make in (known, known_by_id, disabled, unknown, of_no_address)),
        *((make, "elsewhere") for make in (known, disabled, unknown)),
    ],
)
async def test_no_sequence_of_answers_tells_who_has_an_account(make_ground: MakeGround, make: Who, door: str) -> None:
    limits = {"exempt": [], "mail_source": "99/1h", "code_account": "99/1h", "code_source": "99/1h"}
    ground = await make_ground(mail=MAIL, throttle=limits)
    ada = await make(ground)
    await ada.postbox.collect()
    assert await confirm(ada, "12345678") == EXPIRED
    for _ in range(2):
        ground.fakes.ambient.advance(seconds=1)
        if door == "here":
            await ada.of_client("ForgotPassword")
        else:
            await ground.client.post("/auth/forgot", {"email": ada.email})
            await ada.postbox.collect()
        for _ in range(5):
            assert await confirm(ada, "12345678") == MISMATCH
        assert await confirm(ada, "12345678") == LIMITED
    if door == "here":
        await ada.postbox.collect()
    assert await confirm(ada, "12345678") == LIMITED
    for _ in range(3):
        await ada.of_client("ForgotPassword")
    assert await ada.refused_client("ForgotPassword") == LIMITED
    ground.fakes.ambient.advance(minutes=15)
    assert await confirm(ada, "12345678") == EXPIRED


@pytest.mark.parametrize("make", [disabled, unknown, of_no_address])
async def test_nobody_gets_no_mail(make_ground: MakeGround, make: Who) -> None:
    ada = await make(await make_ground(mail=MAIL))
    await ada.postbox.collect()
    await ada.of_client("ForgotPassword")
    assert await ada.postbox.collect() == []


async def test_five_mails_an_hour_are_one_count_for_both_doors(make_ground: MakeGround) -> None:
    ada = Somebody(await make_ground(mail=MAIL, throttle={"exempt": []}))
    await ada.sign_up()
    await ada.postbox.collect()
    for _ in range(4):
        assert (await ada.ground.client.post("/auth/forgot", {"email": ada.email.upper()})).status == 202
    await ada.of_client("ForgotPassword")
    assert len(await ada.postbox.collect()) == 5
    assert await ada.refused_client("ForgotPassword") == LIMITED
    assert (await ada.ground.client.post("/auth/forgot", {"email": ada.email})).status == 202
    assert await ada.postbox.collect() == []


async def test_without_mail_no_code_is_promised(ground: Ground) -> None:
    ada = await known(ground)
    for who in (ada, Somebody(ground)):
        assert (await who.refused_client("ForgotPassword")).kind == "CodeDeliveryFailure"
        assert (await confirm(who, "12345678")).kind == "InvalidParameter"


async def test_where_the_settings_say_so_unknown_users_are_told(make_ground: MakeGround) -> None:
    nobody = Somebody(await make_ground({"prevent_user_existence_errors": False}, mail=MAIL))
    told = Refused("UserNotFound", "User does not exist.")
    assert await nobody.refused_client("ForgotPassword") == told
    assert await confirm(nobody, "12345678") == told


async def test_a_client_with_a_secret_shows_it(make_ground: MakeGround) -> None:
    secret = "s" * 24
    ground = await make_ground({"clients": f"backend:{secret}"}, mail=MAIL)
    ada = await known(ground)
    for operation, more in (
        ("ForgotPassword", {}),
        ("ConfirmForgotPassword", {"ConfirmationCode": "1", "Password": NEW}),
        ("SignUp", {"Password": NEW}),
        ("ConfirmSignUp", {"ConfirmationCode": "1"}),
        ("ResendConfirmationCode", {}),
    ):
        assert await ada.refused_client(operation, ClientId="backend", **more) == Refused(
            "NotAuthorized", "Client backend is configured with secret but SECRET_HASH was not received"
        )
        assert await ada.refused_client(operation, ClientId="backend", SecretHash="x", **more) == Refused(
            "NotAuthorized", "Unable to verify secret hash for client backend"
        )
        assert await ada.refused_client(operation, ClientId="nobody", **more) == Refused(
            "ResourceNotFound", "User pool client nobody does not exist."
        )


async def test_a_changed_password_ends_the_other_sessions_alone(ada: Somebody) -> None:
    other = (await ada.cognito.log_in(ada.email, PASSWORD))["AccessToken"]
    assert await ada.call("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword=NEW) == {}
    assert await ada.attributes()
    assert await ada.cognito.refused("GetUser", AccessToken=other) == REVOKED
    assert (await ada.log_in_elsewhere(), await ada.log_in_elsewhere(NEW)) == (401, 200)


async def test_a_wrong_previous_password_changes_nothing(ada: Somebody) -> None:
    assert await ada.refused("ChangePassword", PreviousPassword="Wrong-Pass1!", ProposedPassword=NEW) == WRONG
    assert await ada.refused("ChangePassword", ProposedPassword=NEW) == Refused(
        "InvalidParameter", "Missing required parameter PreviousPassword"
    )
    assert await ada.refused("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword="lower1!aa") == WEAK
    await ada.log_in()


# --- five wrong previous passwords an hour, whatever the limits of logins are

ROWS = ("login_source", "login_account_source", "login_account", "login_known_source")
WIDE: dict[str, Any] = {"exempt": [], **dict.fromkeys(ROWS, "999/5m")}


async def limited(make_ground: MakeGround, **limits: str) -> Somebody:
    ada = Somebody(await make_ground(throttle=WIDE | limits))
    await ada.sign_up()
    await ada.log_in()
    return ada


async def guess(ada: Somebody) -> Refused:
    return await ada.refused("ChangePassword", PreviousPassword="Wrong-Pass1!", ProposedPassword=NEW)


async def test_five_wrong_previous_passwords_are_judged_and_then_five_an_hour(make_ground: MakeGround) -> None:
    ada = await limited(make_ground)
    assert [await guess(ada) for _ in range(6)] == [WRONG] * 5 + [LIMITED]
    assert await ada.refused("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword=NEW) == LIMITED
    ada.ground.fakes.ambient.advance(minutes=12)
    assert [await guess(ada) for _ in range(2)] == [WRONG, LIMITED]
    ada.ground.fakes.ambient.advance(hours=1)
    await ada.log_in()
    assert await ada.call("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword=NEW) == {}


async def test_wrong_previous_passwords_at_once_are_counted_before_they_are_judged(make_ground: MakeGround) -> None:
    ada = await limited(make_ground)
    told = await asyncio.gather(*(guess(ada) for _ in range(10)))
    assert sorted(told) == sorted([WRONG] * 5 + [LIMITED] * 5)


async def test_the_limit_is_of_the_user_over_all_sessions_and_of_nobody_else(make_ground: MakeGround) -> None:
    ada = await limited(make_ground)
    for _ in range(5):
        await ada.log_in()
        assert await guess(ada) == WRONG
    await ada.log_in()  # which clears the counts of failed logins
    assert await guess(ada) == LIMITED
    eve = Somebody(ada.ground)
    await eve.sign_up()
    await eve.log_in()
    assert await guess(eve) == WRONG


async def test_right_previous_passwords_and_other_refusals_are_not_counted(make_ground: MakeGround) -> None:
    ada = await limited(make_ground, login_known_source="1/1m")
    for _ in range(4):
        assert await guess(ada) == WRONG
        for _ in range(4):  # refused by the limit of logins
            assert await guess(ada) == LIMITED
        ada.ground.fakes.ambient.advance(minutes=1)
    for before, after in [(PASSWORD, NEW), (NEW, PASSWORD)] * 4:
        assert await ada.call("ChangePassword", PreviousPassword=before, ProposedPassword=after) == {}
    assert await guess(ada) == WRONG
    ada.ground.fakes.ambient.advance(minutes=1)
    assert await guess(ada) == LIMITED


async def test_at_auth_the_limits_of_logins_are_the_only_ones(make_ground: MakeGround) -> None:
    ada = await limited(make_ground)
    for _ in range(5):
        await guess(ada)
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    for current, status in [("Wrong-Pass1!", 401)] * 6 + [(PASSWORD, 200)]:
        body = {"currentPassword": current, "newPassword": NEW}
        assert (await ada.ground.client.post("/auth/password", body, **bearer(tokens))).status == status


async def test_the_token_is_looked_at_first(ada: Somebody) -> None:
    ada.access = "x.y.z"
    invalid = Refused("NotAuthorized", "Invalid Access Token")
    assert await ada.refused("ChangePassword", ProposedPassword="weak") == invalid
    assert await ada.refused("DeleteUser") == invalid
    assert await ada.refused("VerifyUserAttribute", AttributeName="phone_number", Code="1") == invalid


async def test_a_deleted_user_is_gone_on_both_doors_and_the_address_is_free(ada: Somebody) -> None:
    tokens = await ada.ground.client.log_in({"email": ada.email, "password": PASSWORD})
    assert await ada.call("DeleteUser") == {}
    assert await ada.refused("GetUser") == REVOKED
    assert await ada.refused("DeleteUser") == REVOKED
    assert (await ada.ground.client.me(tokens)).status == 401
    assert await ada.log_in_elsewhere() == 401
    first = (await ada.sign_up())["UserSub"]
    await ada.log_in()
    assert (await ada.call("GetUser"))["Username"] == first


async def test_a_second_factor_was_shown_by_the_session(ada: Somebody) -> None:
    rows = ada.ground.fakes.users.rows
    user_id = UUID((await ada.call("GetUser"))["Username"])
    rows[user_id] = replace(rows[user_id], second_factor_since=ada.ground.fakes.ambient.now())
    await ada.call("ChangePassword", PreviousPassword=PASSWORD, ProposedPassword=NEW)
    await ada.call("DeleteUser")
    assert user_id not in rows


@pytest.mark.parametrize("operation", ["ForgotPassword", "ResendConfirmationCode"])
async def test_mails_that_one_source_asks_for_are_counted_whatever_the_address(
    make_ground: MakeGround, operation: str
) -> None:
    ground = await make_ground({"confirm_signup": True}, mail=MAIL, throttle={"exempt": [], "mail_source": "1/1h"})
    await Somebody(ground).of_client(operation)
    assert await Somebody(ground).refused_client(operation) == LIMITED
    assert (await ground.client.post("/auth/forgot", {"email": "else@example.com"})).status == 429
