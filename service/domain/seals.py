"""Encryption (seals) and keyed digests with keys derived from `TOKENHOUSE_SECRET_KEY`."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.ambient import Ambient
from service.operator_errors import DamagedDataError, UnknownSecretError

VERSION = b"\x01"
NAME_BYTES = 4
BEGINNING = len(VERSION) + NAME_BYTES
NONCE_BYTES = 12
TAG_BYTES = 16
LOCKED_OUT = (
    "TOKENHOUSE_SECRET_KEY does not open what is sealed in the database: set the secret it was made with, or keep that"
    " one in TOKENHOUSE_SECRET_KEYS_PREVIOUS"
)


class Purpose(Enum):
    """One derived key each, so that a value made for one purpose is invalid for another (HKDF info, RFC 5869)."""

    API_KEY_SEAL = b"api key seal"
    API_KEY_INDEX = b"api key index"
    SIGNING_KEY_SEAL = b"signing key seal"
    ROTATION = b"refresh rotation"
    LIMITS = b"limits"
    EVENTS = b"events"
    FEED = b"feed cursor"
    TOTP_SEAL = b"totp seal"
    RECOVERY_CODE = b"recovery code"
    MAIL_CODE = b"mailed code"
    MAIL_TOKEN = b"mailed token"
    INVITATION = b"invitation"
    SRP_VERIFIER_SEAL = b"srp verifier seal"
    SRP_BLOCK_SEAL = b"srp block seal"
    DECOY = b"decoy"
    SIGN_IN_SESSION = b"sign-in session"


class Seals:
    """Built from the current secret and the previous ones: the current one seals, all of them open."""

    def __init__(self, secrets: Sequence[str], ambient: Ambient) -> None:
        self._ambient = ambient
        self._keys = {purpose: [_derive(secret, purpose) for secret in secrets] for purpose in Purpose}

    def seal(self, purpose: Purpose, plain: bytes, bound_to: str) -> bytes:
        """AES-256-GCM; opens only for the same purpose and the same `bound_to`."""
        key = self._keys[purpose][0]
        nonce = self._ambient.random_bytes(NONCE_BYTES)
        return VERSION + _name(key) + nonce + AESGCM(key).encrypt(nonce, plain, _context(purpose, bound_to))

    def open(self, purpose: Purpose, sealed: bytes, bound_to: str) -> bytes:
        """Raises UnknownSecretError if it was sealed with another secret, DamagedDataError if it was changed."""
        name, nonce, body = sealed[1:5], sealed[5:17], sealed[17:]
        if not self.knows(purpose, sealed):
            raise UnknownSecretError(LOCKED_OUT)
        for key in self._keys[purpose]:
            if sealed[:1] == VERSION and name == _name(key):
                try:
                    return AESGCM(key).decrypt(nonce, body, _context(purpose, bound_to))
                except InvalidTag:
                    break
        raise DamagedDataError(f"{purpose.name}: what is sealed does not open")

    def knows(self, purpose: Purpose, sealed: bytes) -> bool:
        """Whether it was sealed with a secret that is set."""
        return any(sealed[:BEGINNING] == VERSION + _name(key) for key in self._keys[purpose])

    def is_current(self, purpose: Purpose, sealed: bytes) -> bool:
        """Whether it was sealed with the current secret."""
        return sealed[:BEGINNING] == VERSION + _name(self._keys[purpose][0])

    def pseudonym(self, text: str, purpose: Purpose = Purpose.LIMITS) -> str:
        """A keyed digest that replaces untrusted input, as 22 base64url characters (128 bits)."""
        return self.pseudonyms(text, purpose)[0]

    def pseudonyms(self, text: str, purpose: Purpose) -> list[str]:
        """The pseudonyms under all secrets, the current one first."""
        return [base64.urlsafe_b64encode(one[:16]).decode().rstrip("=") for one in self.digests(purpose, text)]

    def digests(self, purpose: Purpose, text: str) -> list[bytes]:
        """A keyed digest per secret, the current one first (HMAC-SHA-256)."""
        return [digest(text) for digest in self.digesters(purpose)]

    def steady_digest(self, purpose: Purpose, text: str) -> bytes:
        """A keyed digest for what has to stay: the same whatever the order of the secrets that are set.

        So it changes once while one secret takes the place of another: where the new one comes, or the old one goes.
        """
        return hmac.digest(min(self._keys[purpose]), text.encode(), "sha256")

    def digesters(self, purpose: Purpose) -> list[Callable[[str], bytes]]:
        """A digest function per secret, the current one first."""
        return [lambda text, key=key: hmac.digest(key, text.encode(), "sha256") for key in self._keys[purpose]]  # type: ignore[misc] # a default that binds


def _derive(secret: str, purpose: Purpose) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"tokenhouse v1 " + purpose.value).derive(secret.encode())


def _name(key: bytes) -> bytes:
    """Identifies the sealing key without revealing it."""
    return hashlib.sha256(b"name" + key).digest()[:NAME_BYTES]


def _context(purpose: Purpose, bound_to: str) -> bytes:
    return purpose.value + b"|" + bound_to.encode()
