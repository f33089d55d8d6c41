"""The stores that resource servers need. Implemented in `service/stores`; tests have fakes."""

from typing import Protocol

from service.domain.resource_servers.models import FeedPage, FeedPosition
from service.domain.sessions.ports import Revocations


class RevocationLog(Protocol):
    """The revocations in commit order."""

    async def after(self, place: FeedPosition, limit: int) -> FeedPage:
        """The first `limit` revocations behind a position, of those whose tokens are still denied."""


class RevocationStore(Revocations, RevocationLog, Protocol):
    """Both interfaces use one table."""
