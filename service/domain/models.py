"""The values the domain speaks of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    email: str  # as it was typed at sign-up
    canonical_email: str
    first_name: str
    last_name: str
    password_hash: str
    api_key_sealed: bytes
    created_at: datetime
    password_changed_at: datetime
    disabled_at: datetime | None = None

    def is_still(self, earlier: "User") -> bool:
        """Whether what was true when `earlier` was read still lets the same password in."""
        return self.disabled_at is None and self.password_changed_at == earlier.password_changed_at


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking, before anyone has proved to be somebody."""

    source: str  # what limits count: an IPv4 address, or the /64 of an IPv6 address
    user_agent: str = ""
    is_gone: Callable[[], bool] = lambda: False  # true once nobody waits for the answer
    has_hung_up: Callable[[], bool] = lambda: False  # true as soon as probably nobody does


@dataclass(frozen=True, slots=True)
class TokenPair:
    id_token: str
    access_token: str


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


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token with a good signature says. Every token of a session carries the session's id (`origin_jti`)."""

    user_id: UUID
    session_id: str
    token_id: str
    key_id: str
    issued_at: datetime
    expires_at: datetime
    email: str  # empty in an access token


class Caller(NamedTuple):
    """A person who showed an id token that is valid and not revoked."""

    claims: Claims

    @property
    def user_id(self) -> UUID:
        return self.claims.user_id

    @property
    def session_id(self) -> str:
        return self.claims.session_id


class Member(NamedTuple):
    """A user known by an id token or by an API key; `user` is there when finding them took reading the row."""

    user_id: UUID
    email: str
    user: User | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What the store knows of one session. Its refresh token is not in it: only a digest is kept."""

    id: str
    user_id: UUID
    started_at: datetime
    last_used_at: datetime
    ends_at: datetime
    source: str
    user_agent: str
    password_changed_at: datetime  # of the password that opened it


class Ended(NamedTuple):
    """A session that is to be over, and whose it is."""

    session_id: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class PendingEnding:
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


class Place(NamedTuple):
    """A place in the feed of revocations. Whatever is entered later stands at or behind the last `settled` place."""

    transaction: int
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Revocations in the feed's order. What was entered before `settled` is all there: nothing can still join it."""

    entries: Sequence[tuple[Place, datetime]]  # with the end of the denial
    settled: Place
    era: int  # another one after each restart, failover or restored backup: places of different eras do not compare


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as Postgres holds it: the public half in the clear, the private half sealed."""

    kid: str
    algorithm: str
    public_jwk: str
    sealed_private_jwk: bytes
    created_at: datetime  # and published
    ready_at: datetime | None = None  # when every verifier has heard of it; None: there never was a key set without it
    activates_at: datetime | None = None  # None: not chosen yet
    retires_at: datetime | None = None
    killed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealedApiKey:
    """A user's API key as Postgres holds it."""

    user_id: UUID
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealing:
    """A user's API key, sealed anew; `before` is what the new seal was made from."""

    user_id: UUID
    before: bytes
    sealed: bytes
    digest: bytes


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
