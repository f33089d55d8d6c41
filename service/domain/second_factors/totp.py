"""Time-based one-time passwords (RFC 6238), in the form that every authenticator app supports."""

import base64
import re
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit
from uuid import UUID

import pyotp

from service.ambient import Ambient
from service.domain.seals import Purpose, Seals

SECRET_BYTES = 20  # as long as SHA-1's output (RFC 4226 section 4)
STEP = 30  # seconds
DRIFT = (1, 0, -1)  # steps that the clock of a phone may be off
CODE = re.compile(r"[0-9]{6}", re.ASCII)


def is_code(text: str) -> bool:
    return CODE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Totp:
    seals: Seals
    ambient: Ambient
    issuer: str  # the URL; apps show its host

    def make(self, user_id: UUID) -> tuple[str, bytes]:
        """A new secret in base32, and its sealed form, bound to the user."""
        secret = self.ambient.random_bytes(SECRET_BYTES)
        return _base32(secret), self.seals.seal(Purpose.TOTP_SEAL, secret, str(user_id))

    def uri(self, secret: str, email: str) -> str:
        """For an authenticator app, mostly as a QR code."""
        host = urlsplit(self.issuer).hostname or self.issuer
        return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=host)

    def step_of(self, user_id: UUID, sealed: bytes, code: str) -> int | None:
        """The time step that the code is for, if it is near enough; the latest, should it be right for several.

        None for a text of any other shape.

        Raises DamagedDataError when the secret is not this user's.
        """
        if not is_code(code):
            return None
        secret = pyotp.TOTP(_base32(self.seals.open(Purpose.TOTP_SEAL, sealed, str(user_id))))
        now = int(self.ambient.now().timestamp()) // STEP
        right = [now + drift for drift in DRIFT if compare_digest(secret.generate_otp(now + drift), code)]
        return max(right, default=None)


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode()
