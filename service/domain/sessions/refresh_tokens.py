"""Session tokens: opaque, 256 secret bits, stored as a digest only."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar, Self

from service.ambient import Ambient
from service.errors import InvalidRefreshTokenError

REST = re.compile(r"([\w-]{24})([\w-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """`rt_`, the session's id (144 random bits) and the secret (256 random bits), concatenated in base64url.

    The prefix lets secret scanners find leaks; the session's id locates the record and grants nothing by itself.
    """

    session_id: str
    secret: str
    PREFIX: ClassVar = "rt_"

    @classmethod
    def make(cls, session_id: str, ambient: Ambient) -> Self:
        return cls(session_id, base64.urlsafe_b64encode(ambient.random_bytes(32)).decode().rstrip("="))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidRefreshTokenError."""
        match = REST.fullmatch(text.removeprefix(cls.PREFIX)) if text.startswith(cls.PREFIX) else None
        if match is None:
            raise InvalidRefreshTokenError("malformed")
        return cls(*match.groups())

    @property
    def text(self) -> str:
        return f"{self.PREFIX}{self.session_id}{self.secret}"

    @property
    def digest(self) -> bytes:
        """SHA-256: enough for a secret of 256 bits. With the prefix in it, no token passes for one of another kind."""
        return hashlib.sha256(self.text.encode()).digest()


class PageToken(RefreshToken):
    """What a browser keeps as a cookie. It refreshes nothing."""

    __slots__ = ()
    PREFIX: ClassVar = "ps_"
