"""One attempt at one delivery: it is made, or due again, or given up."""

import asyncio
from collections import Counter
from datetime import timedelta
from enum import StrEnum

import structlog

from service.ambient import Ambient
from service.domain.webhooks import messages
from service.domain.webhooks.models import DueDelivery, Endpoint
from service.domain.webhooks.ports import DeliveryStore, NoAnswerError, WebhookSender

# The schedule that Standard Webhooks publishes: the first attempt is made at once, the tenth is the last.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
LEASE = timedelta(seconds=30)  # longer than an attempt and what is asked of the store after it
SUCCESSES = range(200, 300)
RECORDERS = 2  # connections: many attempts may end at once, and requests need some too
log = structlog.get_logger(__name__)


class AttemptOutcome(StrEnum):
    DELIVERED = "delivered"
    POSTPONED = "postponed"
    GIVEN_UP = "given_up"


class Attempts:
    """`outages`: exceptions that stores raise during a temporary outage."""

    def __init__(
        self, store: DeliveryStore, sender: WebhookSender, ambient: Ambient, outages: tuple[type[Exception], ...]
    ) -> None:
        self.outcomes: Counter[tuple[str, AttemptOutcome]] = Counter()
        self._store = store
        self._sender = sender
        self._ambient = ambient
        self._outages = outages
        self._recorders = asyncio.Semaphore(RECORDERS)

    async def make(self, endpoint: Endpoint, delivery: DueDelivery) -> None:
        """One attempt, with its consequences. Raises nothing: after its lease the delivery is due again in any case."""
        try:
            is_taken, reply = await self.post(endpoint, delivery)
            async with self._recorders:
                await self._settle(endpoint, delivery, reply, is_taken=is_taken)
        except self._outages as error:
            log.warning("webhook left to its lease", delivery_id=str(delivery.id), error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a defect that one delivery meets must not end the others
            log.error("webhook left to its lease", delivery_id=str(delivery.id), error=type(error).__name__)

    async def post(self, endpoint: Endpoint, delivery: DueDelivery) -> tuple[bool, str]:
        """Whether it was taken, and the reply for the operator."""
        headers = messages.headers_of(delivery.event_id, delivery.body, endpoint.keys, self._ambient.now())
        try:
            status = await self._sender.post(endpoint, headers, delivery.body.encode())
        except NoAnswerError as error:
            return False, str(error)
        return status in SUCCESSES, str(status)

    async def _settle(self, endpoint: Endpoint, delivery: DueDelivery, reply: str, *, is_taken: bool) -> None:
        if is_taken:
            outcome = AttemptOutcome.DELIVERED
            await self._store.deliver(delivery.id, reply)
        elif delivery.attempts > len(PAUSES):
            outcome = AttemptOutcome.GIVEN_UP
            await self._store.give_up(delivery.id, reply)
            facts = {"delivery_id": str(delivery.id), "endpoint": endpoint.name, "attempts": delivery.attempts}
            log.warning("webhook given up", reply=reply, **facts)
        else:
            outcome = AttemptOutcome.POSTPONED
            await self._store.postpone(delivery.id, PAUSES[max(delivery.attempts, 1) - 1], reply)
        self.outcomes[endpoint.name, outcome] += 1
