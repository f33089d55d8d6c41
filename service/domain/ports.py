"""What the domain needs from the stores. The keepers stand in `service/stores`, the fakes in `tests/fakes.py`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.models import (
    Ended,
    Passage,
    PendingEnding,
    Place,
    Resealing,
    Revocation,
    SealedApiKey,
    Session,
    StoredKey,
    Swap,
    Swapped,
    User,
)


class Users(Protocol):
    async def add(self, user: User, api_key_digest: bytes) -> None:
        """Raises EmailTakenError when the canonical address has an account."""

    async def by_email(self, canonical_email: str) -> User | None: ...

    async def by_id(self, user_id: UUID) -> User | None: ...

    async def by_api_key(self, digests: Sequence[bytes], now: datetime) -> User | None:
        """The user whose API key has one of these digests (one per secret that is still accepted).

        A key that was replaced still counts until the end of its overlap.
        """

    async def set_api_key(self, user_id: UUID, sealed: bytes, digest: bytes, earlier_until: datetime | None) -> None:
        """Replace the API key; the earlier one stops at once, or at `earlier_until`."""

    async def set_password(self, before: User, password_hash: str, ending: PendingEnding) -> bool:
        """Replace the password at the ending's time and enter the ending; neither if it was changed since `before`."""

    async def remove(self, ending: PendingEnding) -> None:
        """Remove its user and enter the ending."""

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        """Replace the hash, unless somebody else has replaced it meanwhile."""

    async def disable(self, at: datetime, ending: PendingEnding) -> None:
        """Close the account of its user to them, and enter the ending."""

    async def enable(self, user_id: UUID) -> None: ...

    async def sealed_api_keys(self, after: UUID, limit: int) -> Sequence[SealedApiKey]:
        """The next `limit` users' API keys in the order of their ids, from the first id above `after`."""

    async def reseal_api_keys(self, resealings: Sequence[Resealing]) -> int:
        """Replace seals and digests, unless the key was replaced meanwhile; how many were."""


class SigningKeys(Protocol):
    async def all(self) -> Sequence[StoredKey]:
        """Every key, gone ones too until they are removed, the newest first."""

    async def add_first(self, *keys: StoredKey) -> None:
        """Keep the keys unless there is one already; safe when many instances start at once."""

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        """Show all keys to `decide` and keep what it returns: new keys, and changed times and seals of known ones.

        One change at a time, over all instances.
        """

    async def remove(self, kids: Sequence[str]) -> None: ...


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

    async def remove(self, sessions: Sequence[Ended]) -> None: ...


class AllSessions(Protocol):
    def pages(self) -> AsyncIterator[Sequence[tuple[str, UUID]]]:
        """The ids and owners of all live sessions. One may come twice; one that is opened meanwhile may not come."""


class Revocations(Protocol):
    """The durable memory of what was revoked. Its store has one clock, which tells how long anything is kept."""

    async def has(self, session_id: str) -> bool:
        """Whether this session was ended: asked before it gives new tokens."""

    async def forget(self) -> None:
        """Drop what may be forgotten by now."""

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        """What is remembered of a user's ended sessions: the first `limit` behind a session id, by their ids."""

    async def add(self, sessions: Sequence[Ended], token_life: timedelta, session_life: timedelta) -> timedelta:
        """Remember that sessions are over; for how long from now their tokens must be denied.

        The lives are those of today's settings; what was issued with longer ones counts with these. `token_life` 0:
        the tokens are denied by other means.
        """

    async def after(self, place: Place, limit: int) -> Passage:
        """The first `limit` revocations behind a place whose tokens are still denied."""

    def recall(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[Mapping[str, timedelta]]]]:
        """Tells for how long each session must still be denied. While one instance is inside, every other waits."""


class Lives(Protocol):
    """The longest lives that tokens and sessions were given, for as long as one of them may be left."""

    async def use(self, token_life: timedelta, session_life: timedelta) -> timedelta:
        """Note that an instance issues these, for the hour to come; the longest life that a living token may have."""


class PendingEndings(Protocol):
    """What is entered here by a change of an account (see Users) stays until its sessions are over."""

    async def add(self, ending: PendingEnding) -> None: ...

    async def remove(self, ending_id: UUID) -> None: ...

    async def take_over(self) -> Sequence[PendingEnding]:
        """Those that nobody has finished in time; no other instance is given them for some seconds."""


class Denylist(Protocol):
    """The fast index that every request asks. Entries lapse by themselves."""

    async def has(self, token_id: str, session_id: str, key_id: str = "") -> bool:
        """Whether any of the three is denied. Raises ForgottenError when the store may have lost entries."""

    async def add(
        self, tokens: Mapping[str, timedelta], sessions: Mapping[str, timedelta], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Deny token ids, session ids and signing keys for so long. Raises ForgottenError as `has` does."""

    async def is_whole(self) -> bool:
        """Whether the store is known to hold every entry."""

    async def settle(self) -> None:
        """Return when no instance can believe another store than this one any more. Raises the store's outage."""

    async def restore(
        self, remembered: Callable[[], Awaitable[Mapping[str, timedelta]]], keys: Mapping[str, timedelta] = ...
    ) -> None:
        """Put entries back and declare that none is missing. Raises ForgottenError when that cannot be said."""


class ForgottenError(Exception):
    """The denylist may have lost entries: restore it before trusting its answers."""
