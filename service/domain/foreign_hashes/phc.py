"""PHC strings: `$name$parameter=value,…$salt$digest`, in base 64 without padding."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

MOST_CHARACTERS = 1_024
NAME = r"[a-z0-9-]{1,32}"
PARAMETER = r"[a-z0-9-]{1,32}=[A-Za-z0-9/+.-]{1,200}"
BASE_64 = r"[A-Za-z0-9+/]"
SHAPE = re.compile(
    rf"\$(?P<name>{NAME})(?:\$v=(?P<version>[0-9]{{1,9}}))?\$(?P<parameters>{PARAMETER}(?:,{PARAMETER}){{0,7}})"
    rf"\$(?P<salt>{BASE_64}{{0,200}})\$(?P<digest>{BASE_64}{{1,200}})",
    re.ASCII,
)


class UnusableHashError(ValueError):
    """A hash that this service does not take; its text says why, and quotes nothing of the hash but its parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhcHash:
    name: str
    parameters: Mapping[str, str]
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UnusableHashError."""
        found = SHAPE.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
        if found is None:
            raise UnusableHashError("it is no PHC string, and not bcrypt's own form")
        pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in found["parameters"].split(","))]
        parameters = dict(pairs)
        if len(parameters) < len(pairs):
            raise UnusableHashError("a parameter is there twice")
        return cls(
            name=found["name"],
            parameters=parameters,
            salt=of_base64(found["salt"]),
            digest=of_base64(found["digest"]),
            version=int(found["version"]) if found["version"] else None,
        )

    def __str__(self) -> str:
        version = "" if self.version is None else f"$v={self.version}"
        parameters = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"${self.name}{version}${parameters}${to_base64(self.salt)}${to_base64(self.digest)}"

    def number(self, name: str) -> int:
        """Raises UnusableHashError."""
        value = self.parameters.get(name, "")
        if not re.fullmatch(r"[0-9]{1,12}", value, re.ASCII):
            raise UnusableHashError(f"its parameter {name} is no number")
        return int(value)


def of_base64(text: str) -> bytes:
    """With padding or without. Raises UnusableHashError."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableHashError("a part of it is no base 64") from error


def to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
