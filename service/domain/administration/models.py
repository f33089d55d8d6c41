"""Values passed between administration, its stores and its faces."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from service.domain.models import NO_CLAIMS, User

SOON = timedelta(days=14)  # an admin token expires: time to make another and to hand it out
ACTOR = "token:"  # and the name of an admin token
ADMIN_ACTOR = "user:"  # and the id of an admin


class AdminScope(StrEnum):
    """There are no others, no roles, and none that makes a token or an administrator."""

    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    SESSIONS_END = "sessions:end"
    AUDIT_READ = "audit:read"
    KEYS_READ = "keys:read"
    KEYS_ROTATE = "keys:rotate"
    DELIVERIES_WRITE = "deliveries:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminToken:
    """The credential of a program. The token itself is not stored, only its digest."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]  # that it may come from; none: from anywhere
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None  # to the minute

    def days_left(self, now: datetime) -> int | None:
        """Before it expires, where they are few enough to make another now; negative for one that has expired."""
        left = self.expires_at - now
        return left.days if left <= SOON else None

    @property
    def actor(self) -> str:
        """As the audit trail names whoever uses it."""
        return f"{ACTOR}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """The fields of an account that an operator opens, already validated."""

    email: str
    first_name: str
    last_name: str
    id: UUID | None = None  # None: a new one
    password: str | None = None
    password_hash: str = field(default="", repr=False)  # instead, one that may be stored; of another system too
    email_verified: bool = False
    groups: tuple[str, ...] = ()
    claims: str = NO_CLAIMS  # JSON
    is_invited: bool = False  # by a mail with a code to set a password: without one, none is right before that


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    first_name: str | None = None  # None: as it is
    last_name: str | None = None
    added_groups: tuple[str, ...] = ()
    removed_groups: tuple[str, ...] = ()
    set_claims: str = NO_CLAIMS  # JSON; the others stay
    removed_claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """A person who may use the admin pages."""

    user_id: UUID
    granted_at: datetime
    granted_by: str  # as the audit trail names the operator


class StoreFinding(NamedTuple):
    """What an examination of the stores has found."""

    check: str
    level: str  # ok, warning or problem
    state: str
    advice: str


class Most(NamedTuple):
    """Of one account. Bytes are of JSON; an account that had more bytes of groups may have fewer."""

    groups: int
    bytes_of_groups: int
    bytes_of_claims: int


class UserPage(NamedTuple):
    users: list[User]
    is_last: bool
