"""What logins, refreshes and revocations hand over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from service.domain.models import Session, User
from service.domain.signing.models import TokenPair


@dataclass(frozen=True, slots=True)
class Refreshed:
    tokens: TokenPair
    refresh_token: str | None  # only when refresh tokens rotate


@dataclass(frozen=True, slots=True)
class SignedIn:
    """All that a login hands out."""

    user: User
    session_id: str
    tokens: TokenPair
    refresh_token: str
    api_key: str


class EndedSession(NamedTuple):
    """A session that is to be over, and whose it is."""

    session_id: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class PendingRevocation:
    """Every session of a user, but one, is to end. It is kept in Postgres until that is done."""

    id: UUID
    user_id: UUID
    reason: str
    kept_session: str = ""
    password_changed_at: datetime | None = None  # sessions that were opened with this password, or a later one, go on
    asked_at: datetime | None = None  # by the clock of Postgres; None as long as Postgres has not said


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session that is over. Its tokens are refused until `denied_until`; until `forget_at` it must not come back."""

    session_id: str
    user_id: UUID
    denied_until: datetime
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class Swap:
    session_id: str
    shown: bytes  # digest of the token that was shown
    successor: bytes  # digest of the token that takes its place
    now: datetime
    grace: timedelta


class SwapState(StrEnum):
    RENEWED = "renewed"  # the successor is in place
    AGAIN = "again"  # shown a second time within the grace: the successor was in place already
    SPENT = "spent"  # shown again after the grace
    UNKNOWN = "unknown"  # neither the current token nor the one before it
    NOTHING = "nothing"  # there is no such session


@dataclass(frozen=True, slots=True)
class Swapped:
    state: SwapState
    session: Session | None = None
    current: bytes = b""  # digest of the token that is in place
    swaps: int = 0  # how many successors the session has seen
