"""Accounts between a file and the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from service.domain.events.audit_trail import Entry
from service.domain.foreign_hashes.elsewhere import marker_of
from service.domain.models import User

Record = Mapping[str, object]  # one account, as its file spells it


class RefusedRecordError(Exception):
    """A record that is not taken. The text says why, for the operator who has the file."""


class BrokenFileError(Exception):
    """Nothing behind this line can be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedUser:
    """An account as every format is understood. Nothing is checked yet but types."""

    email: str
    password_hash: str = field(default="", repr=False)  # one that may be stored; empty: there is none
    has_no_password: bool = False  # not in the system before either, as far as is known
    id: UUID | None = None
    first_name: str = ""
    last_name: str = ""
    created_at: datetime | None = None
    email_verified_at: datetime | None = None
    is_verified: bool = False  # when, is not known
    is_disabled: bool = False
    is_disabled_until: datetime | None = None
    groups: tuple[str, ...] = ()
    language: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, object] = field(default_factory=dict)
    must_prove_address: bool = False

    def stored_for(self, canonical_email: str) -> str:
        """The hash, or what stands in its place."""
        return self.password_hash or ("" if self.has_no_password else marker_of(canonical_email))


@dataclass(frozen=True, slots=True)
class RefusedLine:
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    user: User
    api_key_digest: bytes = field(repr=False)
    attributes: Mapping[str, str]
    entry: Entry | None  # of the audit trail, to be stored with the account
    reset_mail: UUID | None  # to be filed with the account


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that has an address or an id already."""

    id: UUID
    email: str
    canonical_email: str


@dataclass(frozen=True, slots=True)
class KeptUser:
    user: User
    attributes: Mapping[str, str]


@dataclass(slots=True)
class ImportReport:
    """`added` counts what would be, in a dry run."""

    added: int = 0
    there_already: int = 0
    refused: int = 0
    without_password: int = 0  # of those that are added


OnRefusal = Callable[[RefusedLine], None]
