"""What this room needs from the stores. Implemented in `service/stores`; tests have fakes."""

from typing import Protocol

from service.domain.resource_servers.models import FeedPage, FeedPosition
from service.domain.sessions.ports import Revocations


class RevocationLog(Protocol):
    """The revocations in the order in which they were committed."""

    async def after(self, place: FeedPosition, limit: int) -> FeedPage:
        """The first `limit` revocations behind a place whose tokens are still denied."""


class RevocationStore(Revocations, RevocationLog, Protocol):
    """One table serves both."""
