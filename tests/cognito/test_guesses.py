"""Codes of an app cannot be guessed by beginning again."""

import pyotp

from tests.cognito.conftest import MakeGround
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoFailure
from tests.support.cognito_members import Somebody


async def test_wrong_codes_of_an_app_count_over_all_sign_ins(make_ground: MakeGround) -> None:
    ground = await make_ground(throttle={"exempt": []})
    ada = Somebody(ground)
    await ada.sign_up()
    await ada.log_in()
    secret = (await ada.call("AssociateSoftwareToken"))["SecretCode"]
    await ada.call("VerifySoftwareToken", UserCode=pyotp.TOTP(secret).at(ground.fakes.ambient.now()))
    await ada.call("SetUserMFAPreference", SoftwareTokenMfaSettings={"Enabled": True})
    judged = 0
    for turn in range(15):
        try:
            begun = await ground.cognito.initiate("USER_PASSWORD_AUTH", USERNAME=ada.email, PASSWORD=PASSWORD)
            await ground.cognito.call(
                "RespondToAuthChallenge",
                ChallengeName="SOFTWARE_TOKEN_MFA",
                ClientId="tokenhouse",
                Session=begun["Session"],
                ChallengeResponses={"USERNAME": ada.email, "SOFTWARE_TOKEN_MFA_CODE": f"{turn:06}"},
            )
        except CognitoFailure as refused:
            judged += refused.kind == "CodeMismatch"
    assert 1 <= judged <= 5
