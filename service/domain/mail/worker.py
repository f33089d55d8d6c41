"""Sends what waits in the outbox, beside the requests of this instance and the workers of the others.

A mail is sent at least once. It is claimed for the time of a lease, which is longer than an attempt may take, and
removed when the server has taken it. If the instance is killed in between, it is sent again with the same Message-ID.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from service.ambient import Ambient
from service.domain.mail.delivery import Delivery
from service.domain.mail.models import Kind, Mail, OutboxState
from service.domain.mail.ports import AddressLimit, Courier, Outbox, Writer
from service.settings import MailSettings

LANES = 4  # mails that are sent at a time: one that hangs holds up a quarter at most
LOOK_EVERY = 2.0  # seconds: mails of other instances, and mails that are due again (PgBouncer passes no LISTEN on)
LONGEST_PAUSE = 1.0  # seconds between a wish and its mail
COUNT_EVERY = 15.0  # seconds
PATIENCE = 5.0  # seconds, at shutdown, for what is being sent
log = structlog.get_logger(__name__)


class MailWorker:
    """`outages`: exceptions that stores raise during a temporary outage."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        writers: Mapping[Kind, Writer],
        courier: Courier,
        limit: AddressLimit,
        settings: MailSettings,
        ambient: Ambient,
        outages: tuple[type[Exception], ...],
    ) -> None:
        self.state: OutboxState | None = None  # as it was counted last
        self.delivery = Delivery(
            outbox=outbox,
            writers=writers,
            courier=courier,
            limit=limit,
            settings=settings,
            ambient=ambient,
            outages=outages,
        )
        self._outbox = outbox
        self._courier = courier
        self._ambient = ambient
        self._outages = outages
        self._woken = asyncio.Event()
        self._lanes: set[asyncio.Task[None]] = set()
        self._next_count = 0.0
        self._failure = ""  # of the store, at the last look

    def wake(self) -> None:
        """A mail was filed."""
        self._woken.set()

    async def run_forever(self) -> None:
        """Send mails for as long as the service runs. At its end, what is being sent has some seconds."""
        has_all = True  # the stores may not be open yet
        try:
            while True:
                if len(self._lanes) >= LANES:
                    await asyncio.wait(self._lanes, return_when=asyncio.FIRST_COMPLETED)
                elif has_all:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), LOOK_EVERY)
                        await asyncio.sleep(self._pause())
                has_all = await self.look()
        finally:
            await self._end()

    def _pause(self) -> float:
        """Some part of a second. Writing a mail takes time from the requests of this instance: if it began at once, the
        next request could tell whether there was somebody to write to.
        """
        return LONGEST_PAUSE * int.from_bytes(self._ambient.random_bytes(2)) / 0x10000

    async def look(self) -> bool:
        """Begin to send what is due, as far as lanes are free; whether that was all that may be begun.

        An outage of the store is only logged.
        """
        self._woken.clear()
        if self.delivery.rest:
            return True
        free = LANES - len(self._lanes)
        try:
            await self._count()
            claimed = await self._outbox.claim(free, self.delivery.lease)  # last: what fails after it costs a lease
            self._failure = ""
        except self._outages as error:
            if not self._failure:
                self._failure = type(error).__name__
                log.warning("mails wait for the store", error=self._failure)
            return True
        for mail in claimed:
            self._send(mail)
        if not self._lanes:
            await self._courier.rest()
        return len(claimed) < free

    async def settle(self) -> None:
        """Wait for what is being sent."""
        while self._lanes:
            await asyncio.wait(self._lanes)

    def _send(self, mail: Mail) -> None:
        lane = asyncio.create_task(self.delivery.send(mail))
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _count(self) -> None:
        if self._ambient.monotonic() >= self._next_count:
            self.state = await self._outbox.state()
            self._next_count = self._ambient.monotonic() + COUNT_EVERY

    async def _end(self) -> None:
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=PATIENCE)
        if self._lanes:
            for one in self._lanes:
                one.cancel()
            await asyncio.wait(self._lanes)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._courier.rest()
