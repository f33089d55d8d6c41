"""The stores that administration needs. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.administration.models import Admin, AdminToken, Most, StoreFinding, UserChange
from service.domain.models import User


class UserDirectory(Protocol):
    async def page(self, prefix: str, after: str, limit: int) -> Sequence[User]:
        """Users whose canonical address begins with `prefix` and comes behind `after`, in the order of its bytes."""

    async def change(self, user_id: UUID, change: UserChange, most: Most) -> User | None:
        """All of it or nothing, in disabled accounts too. None when the account is gone, or would have too
        much.
        """


class AdminTokenStore(Protocol):
    async def add(self, token: AdminToken, digest: bytes) -> bool:
        """Nothing (False) where a token of this name is there already."""

    async def all(self) -> Sequence[AdminToken]:
        """The oldest first, expired ones among them."""

    async def by_digest(self, digest: bytes) -> AdminToken | None:
        """Expired or not."""

    async def note_use(self, token_id: UUID, at: datetime) -> None:
        """Move `last_used_at` forward, never back."""

    async def remove(self, name: str) -> bool:
        """Whether there was such a token."""


class AdminStore(Protocol):
    """An admin's row goes with the account."""

    async def grant(self, admin: Admin) -> bool:
        """Nothing (False) where the user is an admin already, or gone."""

    async def revoke(self, user_id: UUID) -> bool:
        """Whether the user was an admin."""

    async def find(self, user_id: UUID) -> Admin | None: ...

    async def all(self) -> Sequence[Admin]:
        """The first one first."""


class StoreExaminer(Protocol):
    async def examine(self) -> Sequence[StoreFinding]:
        """As `tokenhouse doctor` does, some seconds ago at most. Every error of a store is a finding."""
