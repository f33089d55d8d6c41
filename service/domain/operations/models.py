"""Sealed values of users, before and after resealing."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Sealed:
    """A user's API key, TOTP secret or verifier for SRP as stored in Postgres."""

    user_id: UUID
    sealed: bytes
    pool_id: str = ""  # that a verifier is for


@dataclass(frozen=True, slots=True)
class Resealing:
    """A sealed value and what replaces it; `digest` is that of an API key."""

    user_id: UUID
    before: bytes
    sealed: bytes
    digest: bytes = b""
