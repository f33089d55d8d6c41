"""Values passed between administration, its stores and its faces."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from service.domain.models import NO_CLAIMS, User

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
    password: str | None = None  # None: no password is right before the user has set one, by a mail
    email_verified: bool = False
    groups: tuple[str, ...] = ()
    claims: str = NO_CLAIMS  # JSON
    is_invited: bool = False  # by a mail with a code to set a password


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    first_name: str | None = None  # None: as it is
    last_name: str | None = None
    added_groups: tuple[str, ...] = ()
    removed_groups: tuple[str, ...] = ()


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


class UserPage(NamedTuple):
    users: list[User]
    is_last: bool
