"""What an operator may ask of webhooks: which deliveries there are, that they are tried again, and a test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name
from service.domain.webhooks import messages
from service.domain.webhooks.attempts import Attempts
from service.domain.webhooks.models import TEST, DueDelivery, Endpoint, EndpointState, ListedDelivery
from service.domain.webhooks.ports import DeliveryStore

MOST_LISTED = 1_000


class Webhooks:
    """`endpoints` are those of the settings. Deliveries of endpoints that were there once can be listed too."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        endpoints: Mapping[str, Endpoint],
        attempts: Attempts,
        ambient: Ambient,
        events: Events,
    ) -> None:
        self.endpoints = endpoints
        self._store = store
        self._attempts = attempts
        self._ambient = ambient
        self._events = events

    async def deliveries(
        self, limit: int, *, endpoint: str = "", after: UUID | None = None, only_failed: bool = False
    ) -> Sequence[ListedDelivery]:
        """The newest first; `after` is the last of the page before."""
        return await self._store.listed(
            min(limit, MOST_LISTED), endpoint=endpoint, after=after, only_failed=only_failed
        )

    async def retry(self, delivery_id: UUID, actor: str = "") -> bool:
        """Send it at once, whatever became of it, and go through the whole schedule if need be.

        False: there is no such delivery. The audit trail names the actor, or else the operator of this task (`run_by`).
        """
        is_known = await self._store.retry(delivery_id)
        if is_known:
            self._note(actor)
        return is_known

    async def retry_failed(self, endpoint: str, actor: str = "") -> int:
        """The same of all that were given up for one endpoint; how many."""
        count = await self._store.retry_failed(endpoint)
        if count:
            self._note(actor)
        return count

    async def test(self, endpoint: Endpoint) -> tuple[bool, str]:
        """Send a message of the type `webhook.test` at once; whether it was taken, and the reply."""
        body = messages.test_body(self._ambient.now())
        message_id = self._ambient.new_uuid()
        return await self._attempts.post(
            endpoint, DueDelivery(id=message_id, event_id=message_id, type=TEST, body=body, attempts=1)
        )

    def _note(self, actor: str) -> None:
        event = Event(Name.WEBHOOKS_RETRIED)
        self._events.emit(replace(event, operator=actor) if actor else event)

    async def states(self) -> Sequence[EndpointState]:
        """Of the endpoints of the settings."""
        return await self._store.state(list(self.endpoints))
