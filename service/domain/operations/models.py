"""API keys that are sealed anew."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SealedApiKey:
    """A user's API key as Postgres holds it."""

    user_id: UUID
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealing:
    """A user's API key, sealed anew; `before` is what the new seal was made from."""

    user_id: UUID
    before: bytes
    sealed: bytes
    digest: bytes
