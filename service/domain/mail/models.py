"""Wishes, mails and letters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

LIFE = "life"  # among the facts: the seconds that its code is good for, where they are fewer than else
COUNTED = "counted"  # among the facts: the limit of the address was charged when the mail was asked for


class Kind(StrEnum):
    VERIFY = "verify"
    RESET = "reset"
    EMAIL_CHANGE = "email_change"
    EMAIL_UNDO = "email_undo"
    SIGN_IN = "sign_in"
    INVITATION = "invitation"
    NOTICE = "notice"
    OTHER = "other"  # of another version of the service


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A mail that somebody asks for. `facts` never holds a secret, nor anything that a user chose."""

    kind: Kind
    recipient: str  # as it was asked for: nobody has looked yet whether there is such an account
    user_id: UUID | None = None
    language: str = ""  # a language tag (RFC 5646), or empty
    facts: Mapping[str, str] = field(default_factory=dict)


class FiledMail(NamedTuple):
    id: UUID
    created_at: datetime  # by the clock of the store


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Wish):
    """A wish in the outbox."""

    id: UUID
    created_at: datetime  # by the clock of the store
    attempts: int  # this one included


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one mail says: a template by its name, and the values in it."""

    recipient: str
    template: str
    language: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    good_until: datetime | None = None  # of the code in it; the mail is not sent later


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMail:
    """A mail of the inbox: a whole message (RFC 5322)."""

    id: UUID
    kind: Kind
    recipient: str
    created_at: datetime
    rendered: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """Counts stop at ten thousand."""

    waiting: int  # to be sent
    oldest: timedelta  # since the oldest of them was asked for
    failed: int  # given up, and kept for the operator
    last_reply: str  # to the latest of those


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What is known of a mail server that was connected to."""

    is_encrypted: bool
    is_logged_in: bool
