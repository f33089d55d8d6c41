"""Authenticator apps and what a login asks for: SOFTWARE_TOKEN_MFA. The preference among factors is not stored."""

from collections.abc import Mapping
from typing import Any

from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError, invalid_parameter
from service.domain.accounts.ports import LastFactorError
from service.domain.models import Caller
from service.domain.second_factors.models import Factor
from service.errors import FactorNotFoundError, InvalidCodeError

SOFTWARE_TOKEN = "SOFTWARE_TOKEN_MFA"  # noqa: S105 - a challenge's name
LAST = "Users of this user pool must have a second factor, and this is the last one."
NOT_VERIFIED = "User has not verified software token mfa"
WRONG_CODE = "Code mismatch and fail enable Software Token MFA"


async def associate(call: Call, caller: Caller) -> Answer:
    new = await call.services.factors.begin_totp_by_session(caller)
    return {"SecretCode": new.secret}


async def verify(call: Call, caller: Caller) -> Answer:
    try:
        await call.services.factors.keep_totp(caller, call.text("UserCode"), call.visitor)
    except InvalidCodeError as error:
        raise wrong_code() from error
    return {"Status": "SUCCESS"}


async def prefer(call: Call, caller: Caller) -> Answer:
    """All settings or none: what cannot be switched is refused before anything is."""
    for member, what in (("SMSMfaSettings", "SMS"), ("EmailMfaSettings", "Email")):
        if _is_wanted(call.structure(member)):
            raise invalid_parameter(f"{what} MFA is not available in this user pool.")
    await _require_passkeys_as_they_are(call, caller)
    if (token := call.structure("SoftwareTokenMfaSettings")) is not None:
        await _switch(call, caller, token)
    return {}


async def auth_factors(call: Call, caller: Caller) -> Answer:
    user = await call.services.accounts.profile(caller.member)
    names = await call.services.factors.names_of(user)
    can_be_mailed = user.email_verified_at is not None and call.services.login.address_proof.mails.is_configured
    configured = {"PASSWORD": True, "EMAIL_OTP": can_be_mailed, "WEB_AUTHN": Factor.PASSKEY in names}
    return {
        "Username": str(user.id),
        **mfa_settings(has_totp=Factor.TOTP in names),
        "ConfiguredUserAuthFactors": [name for name, is_there in configured.items() if is_there],
    }


def mfa_settings(*, has_totp: bool) -> dict[str, Any]:
    """The members of GetUser and GetUserAuthFactors; none of them without an app that is on."""
    return {"UserMFASettingList": [SOFTWARE_TOKEN], "PreferredMfaSetting": SOFTWARE_TOKEN} if has_totp else {}


def wrong_code() -> CognitoError:
    return CognitoError("EnableSoftwareTokenMFA", WRONG_CODE)


async def _switch(call: Call, caller: Caller, token: Mapping[str, Any]) -> None:
    if token.get("PreferredMfa") and not token.get("Enabled"):
        raise invalid_parameter("A MFA method must be enabled to be preferred.")
    factors = call.services.factors
    try:
        if token.get("Enabled"):
            await factors.turn_on_totp(caller, call.visitor)
        else:
            await factors.turn_off_totp(caller, call.visitor)
    except LastFactorError as error:
        raise invalid_parameter(LAST) from error
    except FactorNotFoundError as error:
        if token.get("Enabled"):
            raise invalid_parameter(NOT_VERIFIED) from error


async def _require_passkeys_as_they_are(call: Call, caller: Caller) -> None:
    """An account that has a passkey asks for a second factor, and takes the passkey as one: there is no switch."""
    wanted = call.structure("WebAuthnMfaSettings")
    if wanted is not None and bool(wanted.get("Enabled")) != bool(await call.services.passkeys.all_of(caller)):
        raise invalid_parameter("Passkeys of a user are a factor for as long as there are any.")


def _is_wanted(setting: Mapping[str, Any] | None) -> bool:
    return setting is not None and bool(setting.get("Enabled") or setting.get("PreferredMfa"))
