"""Found by attack: guessing with a stolen access token."""

from typing import Any

import pyotp

from tests.cognito.conftest import MakeGround
from tests.support.cognito import CognitoFailure
from tests.support.cognito_members import NEW, Somebody

LIMITS: dict[str, Any] = {"exempt": [], "login_source": "999/5m"}


async def guess(ada: Somebody, password: str = "Wrong-Guess1!") -> str:
    try:
        await ada.call("ChangePassword", PreviousPassword=password, ProposedPassword=NEW)
    except CognitoFailure as refused:
        return refused.kind
    return "right"


async def own_app(ada: Somebody) -> None:
    """Of the thief: sets nothing in motion, as it is never turned on."""
    secret = (await ada.call("AssociateSoftwareToken"))["SecretCode"]
    code = pyotp.TOTP(secret).at(ada.ground.fakes.ambient.now())
    await ada.call("VerifySoftwareToken", UserCode=code)


async def test_an_app_of_the_thief_does_not_clear_the_count_of_wrong_passwords(make_ground: MakeGround) -> None:
    ada = Somebody(await make_ground(throttle=LIMITS))
    await ada.sign_up()
    await ada.log_in()
    kinds = []
    for _ in range(5):
        kinds += [await guess(ada) for _ in range(4)]
        await own_app(ada)
    assert kinds.count("NotAuthorized") <= 10, kinds


async def test_five_wrong_passwords_an_hour_and_no_more(make_ground: MakeGround) -> None:
    """The contract: ChangePassword 5 wrong an hour."""
    ada = Somebody(await make_ground(throttle=LIMITS))
    await ada.sign_up()
    await ada.log_in()
    kinds = []
    for _ in range(11):
        kinds.append(await guess(ada))
        ada.ground.fakes.ambient.advance(minutes=5)
    assert kinds.count("NotAuthorized") <= 5, kinds
