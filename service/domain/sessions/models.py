"""Values passed between login, refresh, revocation and the stores."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from service.domain.models import Session, User, Visitor
from service.domain.signing.models import TokenPair
from service.histogram import Histogram
from service.networks import prefix_of


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


def opened(session_id: str, user: User, visitor: Visitor, now: datetime, ends_at: datetime) -> Session:
    """A session that begins."""
    return Session(
        id=session_id,
        user_id=user.id,
        started_at=now,
        last_used_at=now,
        ends_at=ends_at,
        source=prefix_of(visitor.source),
        user_agent=visitor.user_agent,
        password_changed_at=user.password_changed_at,
    )


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


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody who logs in typed."""

    email: str
    canonical_email: str
    password: str = field(repr=False)
    visitor: Visitor


class Judged(NamedTuple):
    """Whose password it is, and whether it is right; `why` it is not, where there is more to say."""

    user: User | None
    same: bool
    why: str = ""

    @property
    def is_good(self) -> bool:
        return self.user is not None and self.same and self.user.disabled_at is None


class AskOutcome(StrEnum):
    """Of a question to the system before this one."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"  # not asked: too many questions at once
    NO_ANSWER = "no_answer"
    BAD_ANSWER = "bad_answer"  # one that is not understood, or not taken


@dataclass(slots=True)
class AskCounts:
    """For metrics."""

    outcomes: Counter[AskOutcome] = field(default_factory=Counter)
    seconds: Histogram = field(default_factory=Histogram)
