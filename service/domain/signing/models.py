"""Stored signing keys and token pairs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as Postgres holds it: the public half in the clear, the private half sealed."""

    kid: str
    algorithm: str
    public_jwk: str
    sealed_private_jwk: bytes
    created_at: datetime  # and published
    ready_at: datetime | None = None  # when every verifier has fetched it; None: it was in the first key set
    activates_at: datetime | None = None  # None: not planned yet
    retires_at: datetime | None = None
    killed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    id_token: str
    access_token: str
