"""Passkeys of a user: the same ones as at /auth/factors/passkeys."""

from collections.abc import Mapping

from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError, invalid_parameter
from service.cognito.factors import LAST
from service.cognito.pages import page
from service.domain.accounts.ports import LastFactorError
from service.domain.mail.user_agents import name_of
from service.domain.models import Caller
from service.domain.second_factors.base64url import encoded
from service.domain.second_factors.models import Mismatch, Passkey
from service.errors import FactorExistsError, InvalidCodeError

MOST = 20  # of one page
REFUSALS: Mapping[str, tuple[str, str]] = {
    Mismatch.MALFORMED: ("InvalidParameter", "The credential is malformed."),
    Mismatch.CHALLENGE: ("WebAuthnChallengeNotFound", "The challenge is unknown, used or expired. Begin again."),
    Mismatch.ORIGIN: ("WebAuthnOriginNotAllowed", "The credential is of an origin that is not allowed."),
    Mismatch.RELYING_PARTY: ("WebAuthnRelyingPartyMismatch", "The credential is of another relying party."),
}
NOT_SUPPORTED = "WebAuthnCredentialNotSupported", "The credential could not be verified."


async def start(call: Call, caller: Caller) -> Answer:
    return {"CredentialCreationOptions": await call.services.passkeys.begin_by_session(caller)}


async def complete(call: Call, caller: Caller) -> Answer:
    credential, name = call.structure("Credential") or {}, name_of(call.visitor.user_agent)
    try:
        await call.services.passkeys.add_by_session(caller, credential, f"Passkey of {name}", call.visitor)
    except InvalidCodeError as error:
        raise CognitoError(*REFUSALS.get(error.why, NOT_SUPPORTED)) from error
    except FactorExistsError as error:
        raise invalid_parameter("The credential is registered already.") from error
    return {}


async def all_of(call: Call, caller: Caller) -> Answer:
    held = await call.services.passkeys.all_of(caller)
    shown, following = page(call, {encoded(one.id): one for one in held}, call.members.get("MaxResults") or MOST)
    return {"Credentials": [_described(one) for one in shown], "NextToken": following}


async def delete(call: Call, caller: Caller) -> Answer:
    try:
        await call.services.passkeys.remove_by_session(caller, call.text("CredentialId"), call.visitor)
    except LastFactorError as error:
        raise invalid_parameter(LAST) from error
    return {}


def _described(passkey: Passkey) -> dict[str, object]:
    return {
        "CredentialId": encoded(passkey.id),
        "FriendlyCredentialName": passkey.name,
        "RelyingPartyId": passkey.rp_id,
        "AuthenticatorTransports": list(passkey.transports),
        "CreatedAt": passkey.created_at.timestamp(),
    }
