"""Second factors, and what proves that somebody has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Factor(StrEnum):
    """In the order in which a client should ask for them: recovery codes are used up, so they come last."""

    PASSKEY = "passkey"
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class Proof:
    """A code of either kind, or the assertion of a passkey; empty where the client sent none."""

    code: str = ""
    credential: Mapping[str, Any] | None = None
    is_shown_by_session: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.code and self.credential is None and not self.is_shown_by_session


NO_PROOF = Proof()
# For protocols whose calls have no room for a second factor. When a factor is added every other session ends: so each
# live session of an account that has one has shown it at its login, or has set it up.
SHOWN_BY_SESSION = Proof(is_shown_by_session=True)


@dataclass(frozen=True, slots=True)
class HeldFactors:
    """The second factors of one user."""

    totp_since: datetime | None = None
    passkeys: int = 0
    recovery_codes_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedTotp:
    """A secret that the user has shown to have in an app."""

    user_id: UUID
    secret_sealed: bytes
    confirmed_at: datetime
    step: int  # of the code that showed it, which is used up by that


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A credential of WebAuthn, as it is stored."""

    id: bytes
    user_id: UUID
    name: str
    public_key: bytes  # COSE
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]
    aaguid: UUID
    rp_id: str  # it was made for; of no use under another
    created_at: datetime
    last_used_at: datetime | None = None


class Mismatch(StrEnum):
    """Why a browser's answer is refused, for protocols that say so to a caller who is logged in."""

    MALFORMED = "malformed"
    CHALLENGE = "challenge"
    ORIGIN = "origin"
    RELYING_PARTY = "relying party"
