"""The relying party of WebAuthn: what its browsers are asked for, and the judgement of what they answer.

The one user of the library `webauthn`, which is an extra and takes 400 ms to import: that waits for its first use.
"""

import asyncio
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from uuid import UUID

from service.domain.models import User
from service.domain.second_factors.base64url import encoded
from service.domain.second_factors.models import Mismatch, Passkey
from service.errors import InvalidCodeError

LIBRARY = "webauthn"
ALGORITHMS = (-7, -8, -257)  # ES256, EdDSA, RS256 (COSE)
TIMEOUT = 300_000  # milliseconds, as long as a challenge lives
LONGEST_ID = 1023  # bytes of a credential id (WebAuthn section 4)
TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})


def is_installed() -> bool:
    """Without importing it."""
    return find_spec(LIBRARY) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """What a browser made, verified."""

    id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]
    aaguid: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAssertion:
    sign_count: int
    backed_up: bool
    is_synced: bool  # whether its private key may leave the device that made it


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """User verification is required at registration and at each use, so a passkey is two factors."""

    id: str
    origins: tuple[str, ...]

    def registration_options(self, challenge: bytes, user: User, held: Sequence[Passkey]) -> dict[str, Any]:
        """For `PublicKeyCredential.parseCreationOptionsFromJSON`."""
        return {
            "rp": {"id": self.id, "name": self.id},
            "user": {
                "id": encoded(user.id.bytes),
                "name": user.email,
                "displayName": f"{user.first_name} {user.last_name}".strip() or user.email,
            },
            "challenge": encoded(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in ALGORITHMS],
            "timeout": TIMEOUT,
            "excludeCredentials": [
                {"type": "public-key", "id": encoded(one.id), "transports": list(one.transports)} for one in held
            ],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    def assertion_options(self, challenge: bytes) -> dict[str, Any]:
        """For `PublicKeyCredential.parseRequestOptionsFromJSON`. The same for everybody: it names no credential."""
        return {
            "challenge": encoded(challenge),
            "timeout": TIMEOUT,
            "rpId": self.id,
            "userVerification": "required",
        }

    async def judge_registration(self, credential: Mapping[str, Any], challenge: bytes) -> NewCredential:
        """Raises InvalidCodeError."""
        await _import_library()
        from webauthn import verify_registration_response  # noqa: PLC0415 - it is an extra

        try:
            made = verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                require_user_verification=True,
            )
            if len(made.credential_id) > LONGEST_ID:
                raise InvalidCodeError("credential id too long")  # noqa: TRY301 - like all that is refused here
            return NewCredential(
                id=made.credential_id,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                backed_up=made.credential_backed_up,
                transports=tuple(sorted(TRANSPORTS & set(credential["response"].get("transports", ())))),
                aaguid=UUID(made.aaguid),
            )
        except Exception as error:
            raise InvalidCodeError(_reason(error)) from error

    async def judge_assertion(
        self, credential: Mapping[str, Any], challenge: bytes, passkey: Passkey
    ) -> JudgedAssertion:
        """Raises InvalidCodeError. The counter is compared with the one in `passkey`."""
        await _import_library()
        from webauthn import verify_authentication_response  # noqa: PLC0415 - as above

        try:
            proved = verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except Exception as error:
            raise InvalidCodeError(type(error).__name__) from error
        return JudgedAssertion(
            sign_count=proved.new_sign_count,
            backed_up=proved.credential_backed_up,
            is_synced=proved.credential_device_type.value == "multi_device",
        )


def _reason(error: Exception) -> str:
    """By the words of the library, which raises one class for all."""
    words = {"Unexpected client data origin": Mismatch.ORIGIN, "Unexpected RP ID hash": Mismatch.RELYING_PARTY}
    return next((why for begin, why in words.items() if str(error).startswith(begin)), type(error).__name__)


async def _import_library() -> None:
    """In a thread, so that requests go on meanwhile."""
    if LIBRARY not in sys.modules:
        await asyncio.to_thread(importlib.import_module, LIBRARY)
