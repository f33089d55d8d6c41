"""Verifiers of passwords, and the accounts that they are of."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerifier:
    user_id: UUID
    pool_id: str  # part of what was hashed: of no use under another
    salt: bytes
    sealed: bytes = field(repr=False)
    password_changed_at: datetime  # of the password that it was made of


@dataclass(frozen=True, slots=True)
class VerifiedAccount:
    """An account, and its verifier if there is one of its present password."""

    user_id: UUID
    canonical_email: str
    verifier: StoredVerifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SrpIdentity:
    """Whom a login is about. Nothing in it tells whether there is such an account."""

    user_id: UUID  # made up for an unknown address
    account: str  # by which its logins are counted
    salt: bytes
    verifier: int = field(repr=False)  # a decoy where there is none that counts
