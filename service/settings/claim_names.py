"""Names of claims that operators may add to id tokens: none that has a meaning for verifiers."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from service.settings.values import split_commas

SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_:./-]{0,99}", re.ASCII)
OURS = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "token_use", "auth_time", "origin_jti", "amr", "scope"} | {
    "email",
    "email_verified",
    "given_name",
    "family_name",
    "client_id",
    "username",
}
OF_STANDARDS = {"nonce", "acr", "azp", "at_hash", "c_hash", "s_hash", "sid", "cnf", "act", "may_act", "events"} | {
    *("typ", "authorization_details", "sub_id", "sub_jwk", "toe", "txn", "vot", "vtm"),
}
OF_COGNITO = {"event_id", "identities", "device_key"}
PREFIXES_OF_COGNITO = ("cognito:", "custom:", "dev:")


def require_claim_name(value: str) -> str:
    """Raises ValueError."""
    if not SHAPE.fullmatch(value):
        raise ValueError("name claims with up to 100 letters, digits and _ : . / -, a letter first")
    name = value.lower()  # some verifiers read Email as email
    if name in OURS | OF_STANDARDS | OF_COGNITO or name.startswith(PREFIXES_OF_COGNITO):
        raise ValueError("name no claim that tokens have anyway, or that a standard gives a meaning")
    return value


ClaimName = Annotated[str, AfterValidator(require_claim_name)]
ClaimNames = Annotated[tuple[ClaimName, ...], BeforeValidator(split_commas), NoDecode]
