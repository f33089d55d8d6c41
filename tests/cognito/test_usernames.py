"""Names of users: an address and an id tell as little of each other, and of who has an account."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.support.cognito import Refused
from tests.support.cognito_members import EXPIRED, LIMITED, MISMATCH, NEW, Somebody
from tests.support.postbox import MAIL, Postbox
from tests.support.sign_ins import INVALID, WRONG_MAILED_CODE, a_reader_of_mails, refusal, respond
from tests.support.srp import SrpClient

STRANGER = "stranger@example.com"
NOBODY = "b7a4f2cc-4a5e-4a57-9b3c-2f9a3c4d5e6f"
FREE: dict[str, Any] = {"exempt": [], "mail_source": "99/1h", "code_source": "99/1h"}

Name = Callable[[Ground, str], Awaitable[str]]


@pytest.fixture
async def on(make_ground: MakeGround) -> Ground:
    return await make_ground(cognito={"srp": True}, mail=MAIL, throttle=FREE)


async def known(ground: Ground) -> str:
    return str((await a_reader_of_mails(ground))["email"])


async def unknown(_: Ground) -> str:
    return STRANGER


async def id_of(ground: Ground, email: str) -> str:
    """What USER_SRP_AUTH calls an address, whoever has it."""
    client = SrpClient(email, NEW, ground.fakes.ambient.now())
    begun = await ground.cognito.initiate("USER_SRP_AUTH", **client.parameters)
    return str(begun["ChallengeParameters"]["USER_ID_FOR_SRP"])


async def itself(_: Ground, email: str) -> str:
    return email


async def id_between_blanks(ground: Ground, email: str) -> str:
    return f" {(await id_of(ground, email)).upper()} "


WHO = pytest.mark.parametrize("who", [known, unknown])
WAYS = pytest.mark.parametrize(("asked", "shown"), [(itself, id_of), (id_of, itself), (id_of, id_of)])


async def confirm(somebody: Somebody, username: str) -> Refused:
    members = {"Username": username, "ConfirmationCode": "00000000", "Password": NEW}
    return await somebody.refused_client("ConfirmForgotPassword", **members)


# --- where a mail goes


async def destination_of_mail(ground: Ground, username: str) -> str:
    answer = await Somebody(ground, username).of_client("ForgotPassword")
    return str(answer["CodeDeliveryDetails"]["Destination"])


async def destination_of_code(ground: Ground, username: str) -> str:
    asked = await ground.cognito.initiate("USER_AUTH", USERNAME=username, PREFERRED_CHALLENGE="EMAIL_OTP")
    return str(asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"])


async def destination_of_resent(ground: Ground, username: str) -> str:
    answer = await Somebody(ground, username).of_client("ResendConfirmationCode")
    return str(answer["CodeDeliveryDetails"]["Destination"])


DESTINATIONS = pytest.mark.parametrize("told", [destination_of_mail, destination_of_code, destination_of_resent])


@DESTINATIONS
async def test_the_mask_of_an_address_is_that_of_the_address_that_was_sent(on: Ground, told: Name) -> None:
    assert await told(on, "Zoe@Nowhere.example") == "z***@n***"
    assert await told(on, "zoe@localhost") == "z***@l***"


@DESTINATIONS
async def test_the_mask_of_an_id_is_plausible_steady_and_of_no_address(make_ground: MakeGround, told: Name) -> None:
    on = await make_ground(cognito={"srp": True, "confirm_signup": True}, mail=MAIL, throttle=FREE)
    masks = set()
    for number in range(8):
        sub = (await Somebody(on, f"ada.{number}@example.com").sign_up())["UserSub"]
        mask = await told(on, sub)
        assert mask == await told(on, sub.upper())
        assert (len(mask), mask[1:5], mask[6:]) == (9, "***@", "***")
        assert mask[0].isalpha()
        masks.add(mask)
    assert len(masks) > 1  # all of these accounts have a***@e***
    strange = await told(on, await id_of(on, "zoe@nowhere.example"))
    assert strange == await told(on, await id_of(on, "zoe@nowhere.example"))
    assert len(strange) == 9


async def test_an_id_shows_the_same_mask_before_and_after_its_account(on: Ground) -> None:
    ada = Somebody(on)
    sub = (await ada.sign_up())["UserSub"]
    masks = [await destination_of_mail(on, sub)]
    await ada.log_in()
    await ada.call("DeleteUser")
    masks.append(await destination_of_mail(on, sub))
    assert len(set(masks)) == 1


# --- codes


@WHO
@WAYS
async def test_a_code_that_was_asked_for_by_one_name_is_tried_by_the_other(
    on: Ground, who: Callable[[Ground], Awaitable[str]], asked: Name, shown: Name
) -> None:
    email = await who(on)
    ada = Somebody(on, email)
    assert await confirm(ada, await shown(on, email)) == EXPIRED
    await ada.of_client("ForgotPassword", Username=await asked(on, email))
    await Postbox(on.fakes.application).collect()
    for name in (shown, asked, shown, asked, shown):
        assert await confirm(ada, await name(on, email)) == MISMATCH
    assert [await confirm(ada, await name(on, email)) for name in (shown, asked)] == [LIMITED, LIMITED]


@WAYS
async def test_the_code_of_a_sign_up_too_is_tried_by_the_other_name(
    make_ground: MakeGround, asked: Name, shown: Name
) -> None:
    on = await make_ground(cognito={"srp": True, "confirm_signup": True}, mail=MAIL, throttle=FREE)
    ada = Somebody(on)
    await ada.sign_up()
    for one in (ada, Somebody(on)):
        await one.of_client("ResendConfirmationCode", Username=await asked(on, one.email))
        members = {"Username": await shown(on, one.email), "ConfirmationCode": "00000000"}
        assert await one.refused_client("ConfirmSignUp", **members) == MISMATCH


@WHO
async def test_a_code_that_was_asked_for_by_address_at_the_other_door_is_tried_by_id(
    on: Ground, who: Callable[[Ground], Awaitable[str]]
) -> None:
    email = await who(on)
    await on.client.post("/auth/forgot", {"email": email})
    await Postbox(on.fakes.application).collect()
    assert await confirm(Somebody(on), await id_of(on, email)) == MISMATCH


@WHO
async def test_an_id_is_no_address_at_the_other_door_whoever_has_it(
    on: Ground, who: Callable[[Ground], Awaitable[str]]
) -> None:
    email = await who(on)
    known_as = await id_of(on, email)
    await on.client.post("/auth/forgot", {"email": known_as})
    assert await Postbox(on.fakes.application).collect() == []
    assert await confirm(Somebody(on), known_as) == EXPIRED
    await Somebody(on, email).of_client("ForgotPassword")
    for _ in range(6):
        body = {"email": known_as, "code": "00000000", "newPassword": NEW}
        assert (await on.client.post("/auth/reset", body)).status == 401
    assert await confirm(Somebody(on), known_as) == MISMATCH


async def test_nobody_reaches_an_account_s_codes_by_its_id_as_an_address(on: Ground) -> None:
    ada = Somebody(on)
    sub = (await ada.sign_up())["UserSub"]
    await ada.postbox.collect()
    await ada.of_client("ForgotPassword")
    code = await ada.code()
    on.fakes.ambient.advance(seconds=1)
    await on.client.post("/auth/forgot", {"email": sub})
    await ada.postbox.collect()
    await ada.of_client("ConfirmForgotPassword", ConfirmationCode=code, Password=NEW)


# --- sessions


@WHO
@pytest.mark.parametrize("begun", [itself, id_of, id_between_blanks])
@pytest.mark.parametrize("answered", [itself, id_of, id_between_blanks])
async def test_a_sign_in_goes_on_by_the_other_name(
    on: Ground, who: Callable[[Ground], Awaitable[str]], begun: Name, answered: Name
) -> None:
    email = await who(on)
    names = await begun(on, email), await answered(on, email)
    asked = await on.cognito.initiate("USER_AUTH", USERNAME=names[0], PREFERRED_CHALLENGE="EMAIL_OTP")
    wrong = respond(on.cognito, "EMAIL_OTP", asked["Session"], USERNAME=names[1], EMAIL_OTP_CODE="00000000")
    assert await refusal(wrong) == WRONG_MAILED_CODE


@WHO
@pytest.mark.parametrize("begun", [itself, id_of])
async def test_a_session_is_nobody_else_s_by_any_name(
    on: Ground, who: Callable[[Ground], Awaitable[str]], begun: Name
) -> None:
    email = await who(on)
    asked = await on.cognito.initiate("USER_AUTH", USERNAME=await begun(on, email), PREFERRED_CHALLENGE="EMAIL_OTP")
    other = await known(on)
    for name in (other, await id_of(on, other), "zoe@nowhere.example", await id_of(on, "zoe@nowhere.example"), NOBODY):
        wrong = respond(on.cognito, "EMAIL_OTP", asked["Session"], USERNAME=name, EMAIL_OTP_CODE="00000000")
        assert await refusal(wrong) == INVALID


async def test_sessions_are_as_long_whatever_the_name(on: Ground) -> None:
    names = [await known(on), STRANGER, NOBODY, await id_of(on, await known(on)), "x" * 200]
    begun = [await on.cognito.initiate("USER_AUTH", USERNAME=name) for name in names]
    assert len({len(one["Session"]) for one in begun}) == 1
