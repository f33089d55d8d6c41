"""Sealed API keys, before and after resealing."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SealedApiKey:
    """A user's API key as stored in Postgres."""

    user_id: UUID
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealing:
    """A user's API key, resealed; `before` is the sealed form that it replaces."""

    user_id: UUID
    before: bytes
    sealed: bytes
    digest: bytes
