"""Files what enters the audit trail for the endpoints that take it, and sends what is due, beside the requests.

An event is sent at least once to each endpoint, in no promised order. A delivery is claimed for the time of a lease. If
the instance is killed, another one sends it when the lease is over, with the same `webhook-id`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog

from service.ambient import Ambient
from service.domain.events.security_events import Reason
from service.domain.webhooks import messages
from service.domain.webhooks.attempts import LEASE, Attempts
from service.domain.webhooks.models import Endpoint, EndpointState, NewDelivery, Unread
from service.domain.webhooks.ports import DeliveryStore, TrailCursors

LANES = 4  # deliveries that are made at a time, for each endpoint: one that hangs holds up itself alone
LOOK_EVERY = 1.0  # seconds
READ_AT_ONCE = 200  # events, for each endpoint
COUNT_EVERY = 15.0  # seconds
PATIENCE = 5.5  # seconds, at shutdown, for what is being sent
log = structlog.get_logger(__name__)


class WebhookWorker:
    """`outages`: exceptions that stores raise during a temporary outage."""

    def __init__(
        self,
        *,
        cursors: TrailCursors,
        store: DeliveryStore,
        endpoints: Mapping[str, Endpoint],
        attempts: Attempts,
        ambient: Ambient,
        outages: tuple[type[Exception], ...],
    ) -> None:
        self.states: Sequence[EndpointState] = ()  # as they were counted last
        self.attempts = attempts
        self._cursors = cursors
        self._store = store
        self._endpoints = endpoints
        self._ambient = ambient
        self._outages = outages
        self._freed = asyncio.Event()
        self._lanes: dict[str, set[asyncio.Task[None]]] = {name: set() for name in endpoints}
        self._begun = False  # every endpoint has a place in the trail
        self._next_count = 0.0
        self._failure = ""  # of the store, at the last look

    async def run_forever(self) -> None:
        """Work for as long as the service runs. At its end, what is being sent has some seconds."""
        try:
            while True:
                if await self.look():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._freed.wait(), LOOK_EVERY)
        finally:
            await self._end()

    async def look(self) -> bool:
        """File what is new, and begin to send what is due, as far as lanes are free; whether that was all there is to
        do before a lane is free or some time has passed.

        An outage of the store is only logged.
        """
        self._freed.clear()
        try:
            if not self._begun:
                await self._cursors.begin(list(self._endpoints))
                self._begun = True
            has_all = await self._file_and_send()
            await self._count()
            self._failure = ""
        except self._outages as error:
            if not self._failure:
                self._failure = type(error).__name__
                log.warning("webhooks wait for the store", error=self._failure)
            return True
        return has_all

    async def settle(self) -> None:
        """Wait for what is being sent."""
        while running := [lane for lanes in self._lanes.values() for lane in lanes]:
            await asyncio.wait(running)

    async def _file_and_send(self) -> bool:
        has_all = True
        for unread in await self._cursors.unread(list(self._endpoints), READ_AT_ONCE):
            endpoint = self._endpoints[unread.endpoint]
            if unread.is_of_other_history:
                await self._cursors.renumber()
                return False
            if unread.events:
                await self._cursors.advance(unread, unread.events[-1].position, self._deliveries(endpoint, unread))
                has_all = has_all and len(unread.events) < READ_AT_ONCE
            if unread.events or unread.has_due:
                await self._send(endpoint)
        return has_all

    def _deliveries(self, endpoint: Endpoint, unread: Unread) -> list[NewDelivery]:
        return [
            NewDelivery(
                id=self._ambient.new_uuid(),
                event_id=event.position.event_id,
                type=messages.type_of(event),
                body=messages.body_of(event),
                can_wait=event.reason == Reason.IMPORTED,
            )
            for event in unread.events
            if endpoint.takes(messages.type_of(event))
        ]

    async def _send(self, endpoint: Endpoint) -> None:
        lanes = self._lanes[endpoint.name]
        if (free := LANES - len(lanes)) == 0:
            return
        for delivery in await self._store.claim(endpoint.name, free, LEASE):
            lane = asyncio.create_task(self.attempts.make(endpoint, delivery))
            lanes.add(lane)
            lane.add_done_callback(lanes.discard)
            lane.add_done_callback(lambda _: self._freed.set())

    async def _count(self) -> None:
        if self._ambient.monotonic() >= self._next_count:
            self.states = await self._store.state(list(self._endpoints))
            self._next_count = self._ambient.monotonic() + COUNT_EVERY

    async def _end(self) -> None:
        if running := [lane for lanes in self._lanes.values() for lane in lanes]:
            _, late = await asyncio.wait(running, timeout=PATIENCE)
            for one in late:
                one.cancel()
            if late:
                await asyncio.wait(late)
