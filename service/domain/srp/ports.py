"""The stores that SRP needs. Implemented in `service/stores`; tests have fakes."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from service.domain.srp.models import StoredVerifier, VerifiedAccount


class VerifierStore(Protocol):
    async def by_email(self, canonical_email: str) -> VerifiedAccount | None: ...

    async def by_id(self, user_id: UUID) -> VerifiedAccount | None: ...

    async def put(self, verifier: StoredVerifier) -> bool:
        """In place of the user's earlier one; False, and nothing, when the password is another one by now."""

    async def remove_all(self) -> int:
        """Every verifier of every user; how many there were."""

    async def are_there(self) -> bool: ...


class UsedBlocks(Protocol):
    """Secret blocks that were shown, by their digest. They expire by themselves."""

    async def add(self, digest: str, lifetime: timedelta) -> bool:
        """Of all callers for one block, one gets True."""
