"""What this room needs from the stores. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.models import Session, User
from service.domain.sessions.models import EndedSession, PendingRevocation, Revocation, Swap, Swapped


class UserLookup(Protocol):
    """The accounts, as far as logging in needs them."""

    async def by_email(self, canonical_email: str) -> User | None: ...

    async def by_id(self, user_id: UUID) -> User | None: ...

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        """Replace the hash, unless somebody else has replaced it meanwhile."""


class RefreshSessions(Protocol):
    """A session is judged by what it was opened with and by the lifetimes of today, whichever end it first."""

    async def open(self, session: Session, digest: bytes) -> Sequence[str]:
        """Keep a new session and its refresh token's digest; the ids of the user's oldest live ones over the cap."""

    async def use(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        """The session of this refresh token, its idle time begun anew; None when there is nothing to refresh."""

    async def rotate(self, swap: Swap) -> Swapped:
        """Use a refresh token and put its successor in its place, in one step."""

    async def find(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        """The session that this refresh token would be good for, without using it."""

    async def all_of(self, user_id: UUID, now: datetime) -> Sequence[Session]:
        """The user's live sessions, the oldest first."""

    async def ids_of(
        self, user_id: UUID, before: datetime | None = None, password_before: datetime | None = None
    ) -> Sequence[str]:
        """Every session of the user that may have a living token, the oldest first.

        Those started `before` then; those that may have been opened with an earlier password than the one of then.
        """

    async def remove(self, sessions: Sequence[EndedSession]) -> None: ...


class Revocations(Protocol):
    """The durable memory of what was revoked. Its store has one clock, which tells how long anything is kept."""

    async def has(self, session_id: str) -> bool:
        """Whether this session was ended: asked before it gives new tokens."""

    async def delete_expired(self) -> None:
        """Drop what may be forgotten by now."""

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        """What is remembered of a user's ended sessions: the first `limit` behind a session id, by their ids."""

    async def add(self, sessions: Sequence[EndedSession], token_life: timedelta, session_life: timedelta) -> timedelta:
        """Remember that sessions are over; for how long from now their tokens must be denied.

        The lives are those of today's settings; what was issued with longer ones counts with these. `token_life` 0:
        the tokens are denied by other means.
        """

    def recall(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[Mapping[str, timedelta]]]]:
        """Tells for how long each session must still be denied. While one instance is inside, every other waits."""


class PendingRevocations(Protocol):
    """What is entered here by a change of an account (see Users) stays until its sessions are over."""

    async def add(self, ending: PendingRevocation) -> None: ...

    async def remove(self, ending_id: UUID) -> None: ...

    async def take_over(self) -> Sequence[PendingRevocation]:
        """Those that nobody has finished in time; no other instance is given them for some seconds."""


class Denylist(Protocol):
    """The fast index that every request asks. Entries lapse by themselves."""

    async def denies_key(self, key_id: str) -> bool:
        """Whether this signing key is denied. Raises ForgottenError as `has` does."""

    async def has(self, token_id: str, session_id: str, key_id: str) -> bool:
        """Whether any of the three is denied. Raises ForgottenError when the store may have lost entries."""

    async def add(
        self, tokens: Mapping[str, timedelta], sessions: Mapping[str, timedelta], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Deny token ids, session ids and signing keys for so long. Raises ForgottenError as `has` does."""

    async def is_complete(self) -> bool:
        """Whether the store is known to hold every entry."""

    async def settle(self) -> None:
        """Return when no instance can believe another store than this one any more. Raises the store's outage."""

    async def restore(
        self, remembered: Callable[[], Awaitable[Mapping[str, timedelta]]], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Put entries back and declare that none is missing. Raises ForgottenError when that cannot be said."""


class ForgottenError(Exception):
    """The denylist may have lost entries: restore it before trusting its answers."""
