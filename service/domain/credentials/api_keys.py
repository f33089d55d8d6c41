"""API keys: random, recognisable, checked before any look-up, and readable only with the service's secret."""

import hashlib
import re
import string
import zlib
from dataclasses import dataclass
from typing import ClassVar, Self
from uuid import UUID

from service.ambient import Ambient
from service.domain.seals import Purpose, Seals

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_BYTES = 32
SHOWN = 11  # characters of a named key that lists show: the other 209 bits stay unknown


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A prefix, 256 random bits in base 62, and six of CRC-32: typos and fakes are refused without a look-up."""

    text: str
    PREFIX: ClassVar[str]
    SHAPE: ClassVar = re.compile(r"([0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)

    @classmethod
    def make(cls, ambient: Ambient) -> Self:
        secret = _base62(int.from_bytes(ambient.random_bytes(SECRET_BYTES)), 43)
        return cls(f"{cls.PREFIX}{secret}{_checksum(secret)}")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = cls.SHAPE.fullmatch(text, len(cls.PREFIX)) if text.startswith(cls.PREFIX) else None
        return cls(text) if match and match[2] == _checksum(match[1]) else None


@dataclass(frozen=True, slots=True)
class ApiKey(CheckedKey):
    """The API key that each account has; its text is kept sealed, because each login returns it."""

    PREFIX: ClassVar[str] = "ak_"


@dataclass(frozen=True, slots=True)
class ShownOnceKey(CheckedKey):
    """Its digest needs no secret: 256 random bits are not guessed."""

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True)
class AdminKey(ShownOnceKey):
    """The text of an admin token: the credential of an operator's program, and of no user."""

    PREFIX: ClassVar[str] = "ta_"


@dataclass(frozen=True, slots=True)
class NamedKey(ShownOnceKey):
    """A further API key of an account."""

    PREFIX: ClassVar[str] = "nk_"

    @property
    def beginning(self) -> str:
        """Enough for its owner to tell it from the others."""
        return self.text[:SHOWN]


@dataclass(frozen=True, slots=True)
class ApiKeys:
    seals: Seals
    ambient: Ambient

    def make(self, user_id: UUID) -> tuple[ApiKey, bytes, bytes]:
        """A new key, its sealed form bound to the user, and the digest it is found by."""
        key = ApiKey.make(self.ambient)
        return key, self.seals.seal(Purpose.API_KEY_SEAL, key.text.encode(), str(user_id)), self.digests(key)[0]

    def open(self, user_id: UUID, sealed: bytes) -> str:
        """Raises DamagedDataError when the sealed key is not this user's."""
        return self.seals.open(Purpose.API_KEY_SEAL, sealed, str(user_id)).decode()

    def digests(self, key: ApiKey) -> list[bytes]:
        return self.seals.digests(Purpose.API_KEY_INDEX, key.text)


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
