"""Endpoints, their places in the audit trail, and deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

TEST = "webhook.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    name: str
    url: str = field(repr=False)  # a secret may be in its path
    keys: Sequence[bytes] = field(repr=False)
    events: Sequence[str] = ()  # types; `user.*` is all that begin with `user.`; none: all types

    def takes(self, event_type: str) -> bool:
        return not self.events or any(
            event_type.startswith(one[:-1]) if one.endswith(".*") else event_type == one for one in self.events
        )


class TrailPosition(NamedTuple):
    """A place in the audit trail, in commit order: behind this event of this transaction."""

    transaction: int
    event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEvent:
    """An event of the audit trail. `name`, `outcome` and `reason` may be of a newer version of the service."""

    position: TrailPosition
    at: datetime
    name: str
    outcome: str
    reason: str
    user_id: UUID | None
    session_id: str
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What an endpoint's cursor has before it: the first events that no earlier commit can still precede."""

    endpoint: str
    position: TrailPosition
    events: Sequence[TrailEvent]
    has_due: bool  # whether a delivery is due
    is_of_other_history: bool  # the database was restored into another server, which numbers transactions anew


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    id: UUID
    event_id: UUID
    type: str
    body: str
    can_wait: bool = False  # one of very many: all others overtake it


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery(NewDelivery):
    attempts: int  # this one included


class DeliveryStatus(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDelivery:
    id: UUID
    endpoint: str
    event_id: UUID
    type: str
    created_at: datetime
    due_at: datetime
    attempts: int
    delivered_at: datetime | None
    failed_at: datetime | None
    last_reply: str

    @property
    def status(self) -> DeliveryStatus:
        if self.delivered_at:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.FAILED if self.failed_at else DeliveryStatus.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """Counts stop at a thousand."""

    endpoint: str
    waiting: int
    oldest: timedelta  # since the oldest event that the endpoint has not got, and that was not given up
    failed: int
    last_reply: str  # to the latest that was given up
