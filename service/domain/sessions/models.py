"""Values passed between login, refresh, revocation and the stores."""

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
    """The result of a login."""

    user: User
    session_id: str
    tokens: TokenPair
    refresh_token: str
    api_key: str


class EndedSession(NamedTuple):
    """A session to be revoked, and its user."""

    session_id: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class PendingRevocation:
    """All of a user's sessions but `kept_session` are to be revoked. Kept in Postgres until that is done."""

    id: UUID
    user_id: UUID
    reason: str
    kept_session: str = ""
    password_changed_at: datetime | None = None  # sessions opened with this password or a later one are kept
    asked_at: datetime | None = None  # by the clock of Postgres; None until read from Postgres


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revoked session. Its tokens are refused until `denied_until`, refreshes until `forget_at`."""

    session_id: str
    user_id: UUID
    denied_until: datetime
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class Swap:
    session_id: str
    shown: bytes  # digest of the presented token
    successor: bytes  # digest of the token that replaces it
    now: datetime
    grace: timedelta
    client_id: str = ""  # that shows it; a token of another client is as good as none


class SwapState(StrEnum):
    RENEWED = "renewed"  # the successor is now the current token
    AGAIN = "again"  # presented again within the grace period: the successor was current already
    SPENT = "spent"  # presented again after the grace period
    UNKNOWN = "unknown"  # neither the current token nor the previous one
    NOTHING = "nothing"  # no such session


@dataclass(frozen=True, slots=True)
class Swapped:
    state: SwapState
    session: Session | None = None
    current: bytes = b""  # digest of the current token
    swaps: int = 0  # number of rotations of this session so far
