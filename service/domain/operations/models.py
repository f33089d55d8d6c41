"""Sealed values of users, before and after resealing."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Sealed:
    """A user's API key or TOTP secret as stored in Postgres."""

    user_id: UUID
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealing:
    """A sealed value and what replaces it; `digest` is that of an API key."""

    user_id: UUID
    before: bytes
    sealed: bytes
    digest: bytes = b""
