"""Bodies and query of the calls on deliveries."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BeforeValidator, Field

from service.admin.schemas import PageSize, as_uuid
from service.domain.webhooks.models import ListedDelivery
from service.http.query import Switch
from service.http.schema import Schema


class Delivery(Schema):
    delivery_id: UUID
    endpoint: str
    event_id: UUID = Field(description="Of the audit trail; receivers know it as `webhook-id`.")
    type: str
    status: str = Field(description="waiting, delivered or failed.")
    created_at: datetime
    due_at: datetime
    attempts: int
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    last_reply: str

    @classmethod
    def of(cls, one: ListedDelivery) -> Self:
        return cls(
            delivery_id=one.id,
            endpoint=one.endpoint,
            event_id=one.event_id,
            type=one.type,
            status=one.status.value,
            created_at=one.created_at,
            due_at=one.due_at,
            attempts=one.attempts,
            delivered_at=one.delivered_at,
            failed_at=one.failed_at,
            last_reply=one.last_reply,
        )


class Deliveries(Schema):
    deliveries: list[Delivery]
    next: UUID | None = Field(None, description="Send it as `after` for older ones. None: there are no older ones.")


class DeliveriesQuery(Schema):
    endpoint: str = Field("", max_length=64, description="Of this endpoint alone.")
    failed: Switch = Field(default=False, description="Those alone that were given up.")
    after: Annotated[UUID | None, BeforeValidator(as_uuid)] = Field(None, description="`next` of the page before.")
    limit: PageSize = Field(100, description="Deliveries of a page, at most.")
