"""What the domain needs from the stores. The keepers stand in `service/stores`, the fakes in `tests/fakes.py`."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.models import (
    Passage,
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

    async def set_password(self, before: User, password_hash: str, at: datetime) -> bool:
        """Replace the password, unless it was changed since `before` was read; whether it was."""

    async def remove(self, user_id: UUID) -> None: ...

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        """Replace the hash, unless somebody else has replaced it meanwhile."""

    async def set_disabled(self, canonical_email: str, at: datetime | None) -> UUID | None:
        """Disable (a time) or enable (None) an account; its id, or None when there is no such account."""

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
    async def open(self, session: Session, digest: bytes, idle_lifetime: timedelta) -> Sequence[str]:
        """Keep a new session and its refresh token's digest; the ids of the user's oldest sessions over the cap."""

    async def use(self, session_id: str, digest: bytes, now: datetime, idle_lifetime: timedelta) -> Session | None:
        """The session of this refresh token, its idle time begun anew; None when there is nothing to refresh."""

    async def rotate(self, swap: Swap) -> Swapped:
        """Use a refresh token and put its successor in its place, in one step."""

    async def find(self, session_id: str, digest: bytes, now: datetime) -> Session | None:
        """The session that this refresh token would be good for, without using it."""

    async def all_of(self, user_id: UUID) -> Sequence[Session]:
        """The user's live sessions, the oldest first."""

    async def remove(self, revocations: Sequence[Revocation]) -> None: ...


class AllSessions(Protocol):
    def pages(self) -> AsyncIterator[Sequence[tuple[str, UUID]]]:
        """The ids and owners of all live sessions. One may come twice; one that is opened meanwhile may not come."""


class Revocations(Protocol):
    """The durable memory of what was revoked."""

    async def has(self, session_id: str) -> bool:
        """Whether this session was ended: asked before it gives new tokens."""

    async def forget(self, now: datetime) -> None:
        """Drop what may be forgotten by now."""

    async def of_user(self, user_id: UUID) -> Sequence[Revocation]:
        """What is remembered of a user's ended sessions."""

    async def add(self, revocations: Sequence[Revocation]) -> None: ...

    async def after(self, place: Place, now: datetime, limit: int) -> Passage:
        """The first `limit` revocations behind a place whose tokens are still denied."""

    def recall(self, now: datetime) -> AbstractAsyncContextManager[Sequence[Revocation]]:
        """All whose tokens may still be shown. While one instance is inside, every other waits at the door."""


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

    async def restore(self, sessions: Mapping[str, timedelta], keys: Mapping[str, timedelta] = ...) -> None:
        """Put entries back and declare that none is missing."""


class ForgottenError(Exception):
    """The denylist may have lost entries: restore it before trusting its answers."""
