"""Values passed between accounts and their stores."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EmailChange:
    id: UUID
    user_id: UUID
    email: str  # the new address; after the change, the one before
    canonical_email: str
    requested_at: datetime
    changed_at: datetime | None = None
    undo_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """To sign up once. Its link is derived from its id."""

    id: UUID
    email: str  # as it was typed; empty: for whoever has the link
    canonical_email: str
    is_mailed: bool  # nobody but the recipient has seen the link
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    first_name: str | None = None  # None: as it is
    last_name: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)  # to be added, or to be replaced
    removed: Collection[str] = ()  # attributes
    email_change: EmailChange | None = None  # asked for in place of one that waits
