"""The stores that operations need. Implemented in `service/stores`; tests have fakes."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import UUID

from service.domain.operations.models import Resealing, Sealed


class ApiKeySeals(Protocol):
    """The sealed API keys of all accounts, for resealing."""

    async def sealed_api_keys(self, after: UUID, limit: int) -> Sequence[Sealed]:
        """The next `limit` users' API keys in the order of their ids, from the first id above `after`."""

    async def reseal_api_keys(self, resealings: Sequence[Resealing]) -> int:
        """Replace seals and digests, except of keys replaced meanwhile; how many were."""


class TotpSeals(Protocol):
    """The sealed TOTP secrets of all accounts, as `ApiKeySeals` has the API keys."""

    async def sealed_totp(self, after: UUID, limit: int) -> Sequence[Sealed]: ...

    async def reseal_totp(self, resealings: Sequence[Resealing]) -> int: ...


class VerifierSeals(Protocol):
    """The sealed verifiers of all accounts, as `ApiKeySeals` has the API keys."""

    async def sealed_verifiers(self, after: UUID, limit: int) -> Sequence[Sealed]: ...

    async def reseal_verifiers(self, resealings: Sequence[Resealing]) -> int: ...


class AllSessions(Protocol):
    def pages(self) -> AsyncIterator[Sequence[tuple[str, UUID]]]:
        """The ids and owners of all live sessions. One may come twice; one opened meanwhile may be missing."""
