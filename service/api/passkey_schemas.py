"""Bodies of the calls on passkeys. What browsers make and take is WebAuthn's own JSON."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from service.domain.second_factors.base64url import encoded
from service.domain.second_factors.models import Passkey
from service.http.fields import Name
from service.http.schema import Schema


class RegistrationOptions(Schema):
    """For `PublicKeyCredential.parseCreationOptionsFromJSON`."""

    rp: dict[str, Any]
    user: dict[str, Any]
    challenge: str
    pub_key_cred_params: list[dict[str, Any]]
    timeout: int
    exclude_credentials: list[dict[str, Any]]
    authenticator_selection: dict[str, Any]
    attestation: str


class AssertionOptions(Schema):
    """For `PublicKeyCredential.parseRequestOptionsFromJSON`."""

    challenge: str
    timeout: int
    rp_id: str
    user_verification: str


class AddPasskey(Schema):
    credential: dict[str, Any] = Field(description="What `navigator.credentials.create` made, `toJSON()`.")
    name: Name


class PasskeyLogin(Schema):
    credential: dict[str, Any] = Field(description="What `navigator.credentials.get` answered, `toJSON()`.")


class RenamePasskey(Schema):
    name: Name


class PasskeyAdded(Schema):
    passkey_id: str
    name: str
    recovery_codes: list[str] | None = Field(None, description="Of the first second factor; shown this one time.")

    @classmethod
    def of(cls, passkey: Passkey, codes: Sequence[str]) -> Self:
        return cls(passkey_id=encoded(passkey.id), name=passkey.name, recovery_codes=list(codes) or None)
