"""Found by attack: what the names of users give away."""

from typing import Any

import pytest

from tests.cognito.conftest import Ground, MakeGround
from tests.support.postbox import MAIL
from tests.support.srp import SrpClient

STRANGER = "stranger@example.com"
FREE: dict[str, Any] = {"exempt": []}


async def id_of(ground: Ground, email: str) -> str:
    """What USER_SRP_AUTH names anybody's address by."""
    client = SrpClient(email, "Any-Pass1!", ground.fakes.ambient.now())
    begun = await ground.cognito.initiate("USER_SRP_AUTH", **client.parameters)
    return str(begun["ChallengeParameters"]["USER_ID_FOR_SRP"])


async def outcome(ground: Ground, operation: str, username: str, **members: Any) -> Any:
    named = {"ClientId": ground.cognito.client_id, "Username": username} | members
    try:
        return await ground.cognito.call(operation, **named)
    except Exception as refused:
        return str(refused)


@pytest.fixture
async def on(make_ground: MakeGround) -> Ground:
    return await make_ground(cognito={"srp": True}, mail=MAIL)


async def test_the_mask_of_an_id_tells_nothing(on: Ground) -> None:
    """SRP gives an id for any address; the mask of a mail to that id must not tell whether it is an account's."""
    await on.client.sign_up(email="victim@corp.test")
    masks = {}
    for address in ("victim@corp.test", STRANGER):
        details = await outcome(on, "ForgotPassword", await id_of(on, address))
        masks[address] = details["CodeDeliveryDetails"]["Destination"]
    is_of_address = {one: mask == f"{one[0]}***@{one.partition('@')[2][0]}***" for one, mask in masks.items()}
    assert len(set(is_of_address.values())) == 1, masks


async def test_a_code_asked_for_by_address_and_tried_by_id_tells_nothing(on: Ground) -> None:
    await on.client.sign_up(email="victim@corp.test")
    told = []
    for address in ("victim@corp.test", STRANGER):
        known_as = await id_of(on, address)
        await outcome(on, "ForgotPassword", address)
        told.append(
            await outcome(on, "ConfirmForgotPassword", known_as, ConfirmationCode="00000000", Password="Another-Pass2!")
        )
    assert told[0] == told[1]


async def test_limits_count_an_id_of_srp_with_its_address(make_ground: MakeGround) -> None:
    on = await make_ground(
        cognito={"srp": True}, throttle=FREE | {"login_account_source": "2/1h", "login_source": "99/1h"}
    )
    await on.client.sign_up(email="victim@corp.test")
    told = []
    for address in ("victim@corp.test", STRANGER):
        known_as = await id_of(on, address)
        for _ in range(2):
            await on.cognito.refused(
                "InitiateAuth",
                ClientId="tokenhouse",
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": address, "PASSWORD": "Wrong-Pass1!"},
            )
        told.append(
            await on.cognito.refused(
                "InitiateAuth",
                ClientId="tokenhouse",
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": known_as, "PASSWORD": "Wrong-Pass1!"},
            )
        )
    assert told[0] == told[1]


async def test_who_is_confirmed_can_not_be_asked_without_end(make_ground: MakeGround) -> None:
    """ResendConfirmationCode and ConfirmSignUp tell accounts from strangers: at least as slowly as SignUp does."""
    ground = await make_ground(cognito={"confirm_signup": False}, mail=MAIL, throttle=FREE)
    person = await ground.client.sign_up()
    for operation, more in (("ResendConfirmationCode", {}), ("ConfirmSignUp", {"ConfirmationCode": "00000000"})):
        told = {str(await outcome(ground, operation, str(person["email"]), **more)) for _ in range(60)}
        assert any("exceeded" in one for one in told), (operation, told)
