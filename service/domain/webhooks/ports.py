"""What webhooks need of the world: deliveries in the database, and somebody who sends."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from service.domain.webhooks.models import (
    DueDelivery,
    Endpoint,
    EndpointState,
    ListedDelivery,
    NewDelivery,
    TrailPosition,
    Unread,
)


class TrailCursors(Protocol):
    """Where each endpoint is in the audit trail."""

    async def begin(self, endpoints: Sequence[str]) -> None:
        """An endpoint without a place in the trail gets the present end of it; the others keep theirs."""

    async def unread(self, endpoints: Sequence[str], limit: int) -> Sequence[Unread]:
        """Of those that have a place, up to `limit` events each."""

    async def advance(self, unread: Unread, to: TrailPosition, deliveries: Sequence[NewDelivery]) -> None:
        """Move the endpoint's place and file the deliveries, both or neither; nothing if another was faster."""

    async def renumber(self) -> None:
        """After a restore into another server, which numbers transactions anew: enter what may be news again."""


class DeliveryStore(Protocol):
    """What concerns a delivery that is done or gone does nothing."""

    async def claim(self, endpoint: str, limit: int, lease: timedelta) -> Sequence[DueDelivery]:
        """Those that are due, the longest due first, but none that can wait before another.

        Nobody else gets them until the lease is over.
        """

    async def deliver(self, delivery_id: UUID, reply: str) -> None:
        """The endpoint has taken it."""

    async def postpone(self, delivery_id: UUID, pause: timedelta, reply: str) -> None:
        """Due again after the pause."""

    async def give_up(self, delivery_id: UUID, reply: str) -> None:
        """It is not tried again, and kept for the operator."""

    async def listed(
        self, limit: int, *, endpoint: str = "", after: UUID | None = None, only_failed: bool = False
    ) -> Sequence[ListedDelivery]:
        """The newest first, behind the delivery `after`."""

    async def retry(self, delivery_id: UUID) -> bool:
        """Due at once, with a whole schedule before it. False: there is no such delivery."""

    async def retry_failed(self, endpoint: str) -> int:
        """The same of all that were given up; how many."""

    async def state(self, endpoints: Sequence[str]) -> Sequence[EndpointState]: ...

    async def delete_expired(self, after: timedelta, endpoints: Sequence[str]) -> None:
        """Delete the deliveries that were made or given up, this long after they were filed; and those that have been
        due for as long, of endpoints that are not among `endpoints`.
        """


class WebhookSender(Protocol):
    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer, of which nothing else is read. Raises NoAnswerError, within its time limit."""


class NoAnswerError(Exception):
    """There was no answer; the message says why, and quotes nothing of the endpoint's URL."""
