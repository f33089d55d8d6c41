"""Deliveries of webhooks."""

from uuid import UUID

from aiohttp import web

from service.admin import delivery_schemas
from service.api.context import SERVICES
from service.api.description import NOTHING, Description, Returns, Tag
from service.domain.administration.models import AdminToken
from service.errors import DeliveryNotFoundError
from service.http import query
from service.http.responses import json_response, no_content


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Deliveries of webhooks, the newest first",
    description="Of the last two weeks, without their bodies. `lastReply` is the status of the answer, or why "
    "there was none.",
    query=delivery_schemas.DeliveriesQuery,
    returns=Returns(body=delivery_schemas.Deliveries),
)
async def all_of(request: web.Request, _: AdminToken) -> web.Response:
    asked = query.read(request, delivery_schemas.DeliveriesQuery)
    found = await request.app[SERVICES].webhooks.deliveries(
        asked.limit, endpoint=asked.endpoint, after=asked.after, only_failed=asked.failed
    )
    after = found[-1].id if len(found) == asked.limit else None
    shown = [delivery_schemas.Delivery.of(one) for one in found]
    return json_response(delivery_schemas.Deliveries(deliveries=shown, next=after))


@Description(
    tag=Tag.ADMINISTRATION,
    summary="Send a delivery again",
    description="At once, whatever became of it, and with the whole schedule before it.",
    returns=NOTHING,
    refuses=(DeliveryNotFoundError,),
)
async def retry(request: web.Request, token: AdminToken) -> web.Response:
    try:
        delivery_id = UUID(request.match_info["deliveryId"])
    except ValueError:
        raise DeliveryNotFoundError from None
    if not await request.app[SERVICES].webhooks.retry(delivery_id, token.actor):
        raise DeliveryNotFoundError
    return no_content()
