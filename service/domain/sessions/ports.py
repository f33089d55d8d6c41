"""The stores that sessions need. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.limits.attempt import Attempt
from service.domain.models import Session, User
from service.domain.sessions.models import (
    AskCounts,
    EndedSession,
    Judged,
    PendingRevocation,
    Revocation,
    Swap,
    Swapped,
    Typed,
)


class UserLookup(Protocol):
    """The part of the account store that login needs."""

    async def by_email(self, canonical_email: str) -> User | None: ...

    async def by_id(self, user_id: UUID) -> User | None: ...

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        """Replace the hash if it is still `old_hash`."""


class RefreshSessions(Protocol):
    """A session ends by the lifetimes it was opened with or by the current settings, whichever is earlier."""

    async def open(self, session: Session, digest: bytes) -> Sequence[str]:
        """Store a session and its refresh token's digest; returns the user's oldest live sessions over the cap."""

    async def use(self, session_id: str, digest: bytes, now: datetime, client_id: str = "") -> Session | None:
        """The client's session of this refresh token, its idle time restarted; None if there is nothing to refresh."""

    async def rotate(self, swap: Swap) -> Swapped:
        """Use a refresh token and replace it with its successor, atomically."""

    async def find(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        """The session that this refresh token could refresh. The token is not used."""

    async def on_record(self, session_id: str) -> Session | None:
        """The session of this id, live or over. No token is checked."""

    async def all_of(self, user_id: UUID, now: datetime) -> Sequence[Session]:
        """The user's live sessions, the oldest first."""

    async def ids_of(
        self, user_id: UUID, before: datetime | None = None, password_before: datetime | None = None
    ) -> Sequence[str]:
        """Every session of the user that may have an unexpired token, the oldest first.

        Optionally only those started before `before`, or possibly opened with a password older than `password_before`.
        """

    async def remove(self, sessions: Sequence[EndedSession]) -> None: ...


class Revocations(Protocol):
    """The durable record of revoked sessions. The store's own clock decides how long an entry is kept."""

    async def has(self, session_id: str) -> bool:
        """Whether this session was revoked; checked before new tokens are issued for it."""

    async def delete_expired(self) -> None:
        """Delete entries past their `forget_at`."""

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        """A page of the user's revoked sessions: at most `limit`, ordered by session id, starting after `after`."""

    async def add(self, sessions: Sequence[EndedSession], token_life: timedelta, session_life: timedelta) -> timedelta:
        """Record sessions as revoked; returns for how long from now their tokens must be denied.

        The lifetimes are those of the current settings; longer ones in use earlier are taken into account.
        `token_life` 0: the tokens are denied by other means.
        """

    def recall(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[Mapping[str, timedelta]]]]:
        """Yields a query for how long each session must still be denied. One instance at a time; the others wait."""


class PendingRevocations(Protocol):
    """Entries are written with the account change (see Users) and stay until the sessions are revoked."""

    async def add(self, ending: PendingRevocation) -> None: ...

    async def remove(self, ending_id: UUID) -> None: ...

    async def take_over(self) -> Sequence[PendingRevocation]:
        """The overdue entries, claimed for this instance for some seconds."""


class Denylist(Protocol):
    """The fast index that is checked on every request. Entries expire by themselves."""

    async def denies_key(self, key_id: str) -> bool:
        """Whether this signing key is denied. Raises ForgottenError as `has` does."""

    async def has(self, token_id: str, session_id: str, key_id: str) -> bool:
        """Whether any of the three is denied. Raises ForgottenError when the store may have lost entries."""

    async def add(
        self, tokens: Mapping[str, timedelta], sessions: Mapping[str, timedelta], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Deny token ids, session ids and signing keys for the given times. Raises ForgottenError as `has` does."""

    async def is_complete(self) -> bool:
        """Whether the store is known to hold every entry."""

    async def settle(self) -> None:
        """Wait until no instance can still be using another primary than this one. Raises the store's outage."""

    async def restore(
        self, remembered: Callable[[], Awaitable[Mapping[str, timedelta]]], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Write entries back and mark the denylist complete. Raises ForgottenError when it may be incomplete."""


class SessionUses(Protocol):
    """What became of sign-in sessions, by their ids: remembered for `life` from the last call about each."""

    async def count_try(self, session_id: str, life: timedelta) -> int | None:
        """Count one more answer, atomically: how many there were, this one included; None when it was used."""

    async def claim(self, session_id: str, life: timedelta) -> bool:
        """Of all callers for one session, one gets True."""


class PasswordMigration(Protocol):
    """The passwords that the system before this one alone knows."""

    @property
    def counts(self) -> AskCounts: ...

    async def judge(self, typed: Typed, user: User | None, attempt: Attempt, *, same: bool) -> Judged:
        """What was found here, if that is a login; otherwise what the old system knows, where it may be asked.

        A user whose password was right there has it here from now on. What is no login is returned at one time,
        whatever was done. Raises OverloadedError, UnavailableError or a store's outage.
        """

    async def why_unreachable(self) -> str: ...


class ForgottenError(Exception):
    """The denylist may have lost entries and must be restored before it is used."""
