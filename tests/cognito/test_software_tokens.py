"""An authenticator app, set up and switched by Cognito's operations, counts at /auth/* and the other way round."""

import re
from typing import Any, NamedTuple

import pyotp
import pytest

from tests.api.test_login_steps import refused
from tests.api.test_second_factors import held
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import bearer
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS
from tests.support.builders import PASSWORD
from tests.support.postbox import MAIL

ON = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
OFF = {"SoftwareTokenMfaSettings": {"Enabled": False}}
MFA = {"UserMFASettingList": ["SOFTWARE_TOKEN_MFA"], "PreferredMfaSetting": "SOFTWARE_TOKEN_MFA"}
WRONG_CODE = ("EnableSoftwareTokenMFA", "Code mismatch and fail enable Software Token MFA")
NOT_VERIFIED = ("InvalidParameter", "User has not verified software token mfa")


class Owner(NamedTuple):
    ground: Ground
    person: dict[str, Any]
    tokens: dict[str, Any]  # of an operation's answer

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self.ground.cognito.call(operation, AccessToken=self.tokens["AccessToken"], **members)

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        return await self.ground.cognito.refused(operation, AccessToken=self.tokens["AccessToken"], **members)

    @property
    def as_auth(self) -> dict[str, str]:
        return {"idToken": self.tokens["IdToken"], "accessToken": self.tokens["AccessToken"]}

    def code(self, secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(self.ground.fakes.ambient.now(), counter_offset=steps)

    async def associate(self) -> str:
        return str((await self.call("AssociateSoftwareToken"))["SecretCode"])

    async def keep(self, step: int = -1) -> str:
        secret = await self.associate()
        assert await self.call("VerifySoftwareToken", UserCode=self.code(secret, step)) == {"Status": "SUCCESS"}
        return secret

    async def mfa(self) -> dict[str, Any]:
        told = await self.call("GetUser")
        factors = await self.call("GetUserAuthFactors")
        shown = {name: told[name] for name in MFA if name in told}
        assert shown == {name: factors[name] for name in MFA if name in factors}
        return shown

    async def log_in(self, **more: str) -> int:
        return (await second.log_in(self.ground.client, self.person, **more)).status


async def an_owner(ground: Ground) -> Owner:
    person = await ground.client.sign_up()
    return Owner(ground, person, await ground.cognito.log_in(person["email"], person["password"]))


@pytest.fixture
async def owner(ground: Ground) -> Owner:
    return await an_owner(ground)


async def test_an_app_is_set_up_in_three_steps_and_nothing_asks_for_it_before_the_last(owner: Owner) -> None:
    secret = await owner.associate()
    assert re.fullmatch(r"[A-Z2-7]{32}", secret)
    assert await owner.call("VerifySoftwareToken", UserCode=owner.code(secret, -1)) == {"Status": "SUCCESS"}
    assert await owner.mfa() == {}
    assert await owner.log_in() == 200
    assert await owner.call("SetUserMFAPreference", **ON) == {}
    assert await owner.mfa() == MFA
    assert await refused(second.log_in(owner.ground.client, owner.person)) == (401, "second_factor_required")
    assert await owner.log_in(code=owner.code(secret)) == 200


async def test_every_other_session_is_over_once_it_is_on(owner: Owner) -> None:
    other = await owner.ground.client.log_in(owner.person)
    await owner.keep()
    assert (await owner.ground.client.me(other)).status == 200
    await owner.call("SetUserMFAPreference", **ON)
    assert (await owner.ground.client.me(other)).status == 401
    assert (await owner.ground.client.refresh(other)).status == 401
    await owner.call("GetUser")


async def test_it_is_turned_off_and_on_again(owner: Owner) -> None:
    secret = await owner.keep()
    await owner.call("SetUserMFAPreference", **ON)
    for _ in range(2):
        assert await owner.call("SetUserMFAPreference", **OFF) == {}
        assert await owner.mfa() == {}
        assert await owner.log_in() == 200
    await owner.call("SetUserMFAPreference", **ON)
    assert await owner.log_in() == 401
    assert await owner.log_in(code=owner.code(secret)) == 200


async def test_an_app_of_auth_factors_is_told_of_and_turned_off_here(owner: Owner) -> None:
    now = owner.ground.fakes.ambient.now()
    app = await second.enrol(owner.ground.client, owner.person, owner.as_auth, now)
    assert await owner.mfa() == MFA
    await owner.call("SetUserMFAPreference", **ON)
    assert (await held(owner.ground.client, owner.as_auth))["recoveryCodesLeft"] == 10
    await owner.call("SetUserMFAPreference", **OFF)
    assert await held(owner.ground.client, owner.as_auth) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    assert await owner.log_in() == 200
    await owner.call("SetUserMFAPreference", **ON)
    assert await owner.log_in(code=app.code(now)) == 200


async def test_an_app_of_here_is_removed_at_auth_factors(owner: Owner) -> None:
    secret = await owner.keep()
    await owner.call("SetUserMFAPreference", **ON)
    body = {"password": PASSWORD, "code": owner.code(secret)}
    http = owner.ground.client.http
    removed = await http.delete("/auth/factors/totp", headers=bearer(owner.as_auth), json=body)
    assert removed.status == 204
    assert await owner.refused("SetUserMFAPreference", **ON) == NOT_VERIFIED


async def test_a_second_app_takes_the_place_of_one_that_is_on(owner: Owner) -> None:
    first = await owner.keep()
    await owner.call("SetUserMFAPreference", **ON)
    owner.ground.fakes.ambient.advance(seconds=90)
    another = await owner.keep()
    assert await owner.mfa() == MFA
    assert await owner.log_in(code=owner.code(first)) == 401
    assert await owner.log_in(code=owner.code(another)) == 200


async def test_a_wrong_code_enables_nothing(owner: Owner) -> None:
    secret = await owner.associate()
    wrong = next(code for code in ("000000", "000001", "000002", "000003") if code != owner.code(secret))
    assert await owner.refused("VerifySoftwareToken", UserCode=owner.code(secret, 5)) == WRONG_CODE
    assert await owner.refused("VerifySoftwareToken", UserCode=wrong) == WRONG_CODE
    assert await owner.refused("SetUserMFAPreference", **ON) == NOT_VERIFIED


async def test_without_a_secret_and_with_one_of_another_user_no_code_is_right(owner: Owner) -> None:
    assert await owner.refused("VerifySoftwareToken", UserCode="123456") == WRONG_CODE
    eve = await an_owner(owner.ground)
    secret = await eve.associate()
    assert await owner.refused("VerifySoftwareToken", UserCode=owner.code(secret)) == WRONG_CODE


async def test_wrong_codes_count_as_failed_logins(make_ground: MakeGround) -> None:
    rows = ("login_account_source", "login_known_source")
    limits = {"exempt": [], "login_source": "100/5m", **dict.fromkeys(rows, "3/5m")}
    owner = await an_owner(await make_ground(throttle=limits))
    secret = await owner.associate()
    for _ in range(3):
        assert await owner.refused("VerifySoftwareToken", UserCode=owner.code(secret, 5)) == WRONG_CODE
    refusal = await owner.refused("VerifySoftwareToken", UserCode=owner.code(secret))
    assert refusal == ("NotAuthorized", "Password attempts exceeded")
    assert await owner.log_in() == 429


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "", "\u0661" * 6])
async def test_a_code_has_six_digits(owner: Owner, code: str) -> None:
    kind, message = await owner.refused("VerifySoftwareToken", UserCode=code)
    assert kind == "InvalidParameter"
    assert "at 'userCode' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    "settings",
    [
        {"SMSMfaSettings": {"Enabled": True}},
        {"SMSMfaSettings": {"PreferredMfa": True}},
        {"EmailMfaSettings": {"Enabled": True, "PreferredMfa": True}},
        {"WebAuthnMfaSettings": {"Enabled": True}},
        {"SoftwareTokenMfaSettings": {"Enabled": False, "PreferredMfa": True}},
    ],
)
async def test_what_cannot_be_preferred_is_refused_and_nothing_else_is_changed(
    owner: Owner, settings: dict[str, Any]
) -> None:
    await owner.keep()
    kind, _ = await owner.refused("SetUserMFAPreference", **ON | settings)
    assert kind == "InvalidParameter"
    assert await owner.mfa() == {}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"SMSMfaSettings": {"Enabled": False, "PreferredMfa": False}},
        {"EmailMfaSettings": {"Enabled": False}, **OFF},
        {"SoftwareTokenMfaSettings": None},
    ],
)
async def test_what_is_off_may_be_turned_off(owner: Owner, settings: dict[str, Any]) -> None:
    assert await owner.call("SetUserMFAPreference", **settings) == {}
    assert await owner.mfa() == {}


async def test_enabled_without_being_preferred_is_on(owner: Owner) -> None:
    await owner.keep()
    await owner.call("SetUserMFAPreference", SoftwareTokenMfaSettings={"Enabled": True})
    assert await owner.mfa() == MFA


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("AssociateSoftwareToken", {}),
        ("VerifySoftwareToken", {"UserCode": "123456"}),
        ("SetUserMFAPreference", ON),
        ("GetUserAuthFactors", {}),
    ],
)
async def test_an_access_token_is_asked_for(owner: Owner, operation: str, members: dict[str, Any]) -> None:
    cognito = owner.ground.cognito
    for wrong in (owner.tokens["IdToken"], "x.y.z"):
        refusal = await cognito.refused(operation, AccessToken=wrong, **members)
        assert refusal == ("NotAuthorized", "Invalid Access Token")
    assert await owner.call("GlobalSignOut") == {}
    assert await owner.refused(operation, **members) == ("NotAuthorized", "Access Token has been revoked")


async def test_the_ways_to_sign_in_are_told(make_ground: MakeGround) -> None:
    owner = await an_owner(await make_ground(passkeys=SETTINGS))
    told = await owner.call("GetUserAuthFactors")
    assert told == {"Username": owner.person["userId"], "ConfiguredUserAuthFactors": ["PASSWORD"]}
    await passkeys.enrol(owner.ground.client, owner.person, owner.as_auth)
    told = await owner.call("GetUserAuthFactors")
    assert told["ConfiguredUserAuthFactors"] == ["PASSWORD", "WEB_AUTHN"]
    assert await owner.mfa() == {}
    assert await owner.call("SetUserMFAPreference", WebAuthnMfaSettings={"Enabled": True}) == {}
    refusal = await owner.refused("SetUserMFAPreference", WebAuthnMfaSettings={"Enabled": False})
    assert refusal[0] == "InvalidParameter"


@pytest.mark.parametrize("is_proved", [True, False])
async def test_a_code_by_mail_is_a_way_where_there_is_mail_and_the_address_is_proved(
    make_ground: MakeGround, *, is_proved: bool
) -> None:
    owner = await an_owner(await make_ground(mail=MAIL))
    (user,) = owner.ground.fakes.users.rows.values()
    if is_proved:
        await owner.ground.fakes.application.backends.proved_users.prove(user, owner.ground.fakes.ambient.now())
    told = await owner.call("GetUserAuthFactors")
    assert told["ConfiguredUserAuthFactors"] == ["PASSWORD"] + (["EMAIL_OTP"] if is_proved else [])
