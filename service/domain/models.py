"""Users, sessions and callers: the models that all packages of the domain share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

NO_CLAIMS = "{}"
PAGE = "page"  # the kind of a session that a browser has with our pages; other sessions have none
ELSEWHERE = "$elsewhere$"  # begins what stands for a hash that only another system has (`foreign_hashes/elsewhere.py`)
A_MOMENT = timedelta(milliseconds=1)  # sessions keep times in milliseconds


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    email: str  # as entered at sign-up
    canonical_email: str
    first_name: str
    last_name: str
    password_hash: str
    api_key_sealed: bytes
    created_at: datetime
    password_changed_at: datetime
    disabled_at: datetime | None = None
    email_verified_at: datetime | None = None
    second_factor_since: datetime | None = None  # set while a login asks for more than the password
    groups: tuple[str, ...] = ()
    language: str = ""  # of mails; a language tag (RFC 5646), or empty
    claims: str = NO_CLAIMS  # JSON, of operators; those that tokens.claims names go into id tokens
    must_prove_address: bool = False  # asked at sign-up: no login before the first proof, which ends it

    @property
    def has_password(self) -> bool:
        """Without one no password is right here."""
        return self.password_hash != "" and not self.password_hash.startswith(ELSEWHERE)

    @property
    def waits_for_proof(self) -> bool:
        """Whether nobody has been in the account yet, as its address is not proved."""
        return self.must_prove_address and self.email_verified_at is None

    def time_of_next_password(self, now: datetime, *others: datetime) -> datetime:
        """Later than the password before, and than `others`, by whatever clock they were taken."""
        return max(now, *(one + A_MOMENT for one in (self.password_changed_at, *others)))

    def is_still(self, earlier: "User") -> bool:
        """Whether what was accepted for `earlier`, an older read of the row, is still all that a login needs."""
        needed = self.password_changed_at, self.second_factor_since
        return self.disabled_at is None and needed == (earlier.password_changed_at, earlier.second_factor_since)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """A user with what only clients of Cognito's protocol ask for."""

    user: User
    attributes: Mapping[str, str]  # OpenID's standard claims that have no column
    has_totp: bool  # that logins ask for


@dataclass(frozen=True, slots=True)
class Visitor:
    """The client of a request, before authentication."""

    source: str  # the key of rate limits: an IPv4 address, or the /64 of an IPv6 address
    user_agent: str = ""
    is_gone: Callable[[], bool] = lambda: False  # true once the connection is closed
    has_hung_up: Callable[[], bool] = lambda: False  # true once the client has probably disconnected


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token with a good signature. Every token of a session carries the session's id (`origin_jti`)."""

    user_id: UUID
    session_id: str
    token_id: str
    key_id: str
    issued_at: datetime
    expires_at: datetime
    email: str  # empty in an access token
    client_id: str = ""  # of the app client that it was issued to; empty: tokens.client_id


class Caller(NamedTuple):
    """A user authenticated by an id token, or by Cognito's clients an access token, that is valid and not revoked."""

    claims: Claims

    @property
    def user_id(self) -> UUID:
        return self.claims.user_id

    @property
    def session_id(self) -> str:
        return self.claims.session_id

    @property
    def member(self) -> "Member":
        return Member(self.claims.user_id, self.claims.email)


@dataclass(frozen=True, slots=True)
class NamedApiKey:
    """An API key besides the one of the account. The key itself is not stored, only its digest."""

    id: UUID
    user_id: UUID
    name: str
    prefix: str  # its first characters, by which its owner knows it
    scopes: tuple[str, ...]
    rate: str | None  # of /auth/verify, as in 60/1m
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None  # to the minute


class Member(NamedTuple):
    """A user authenticated by an id token or API key; `user` is set if that required reading the row."""

    user_id: UUID
    email: str
    user: User | None = None
    named_key: NamedApiKey | None = None  # that authenticated the user


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session. It does not contain the refresh token: only a digest of that is stored."""

    id: str
    user_id: UUID
    started_at: datetime
    last_used_at: datetime
    ends_at: datetime
    source: str
    user_agent: str
    password_changed_at: datetime  # of the password that opened it
    methods: tuple[str, ...] = ()  # how the user authenticated (RFC 8176), if by more than the password
    client_id: str = ""  # of the app client that opened it; empty: tokens.client_id
    kind: str = ""  # PAGE, or empty
