"""How a connection ends: what was received in full is answered, and an answer is not lost to a reset."""

import asyncio
from contextlib import suppress
from socket import socket
from typing import Any

from aiohttp import web

LINGER_SECONDS = 2.0
LAST_MOMENT_SECONDS = 0.25
UNREAD_SECONDS = 30.0  # for a client that takes nothing of its answers


class ClosingConnection(web.RequestHandler):
    __slots__ = ("_ending", "_lost", "_over", "_stalled", "peer_has_ended")

    def __init__(self, server: web.Server, **arguments: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(server, **arguments)
        self._ending = False  # what is received in full is answered, and then the connection ends
        self.peer_has_ended = False
        self._over = False  # nothing that still arrives is read
        self._lost: asyncio.Future[None] | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.call_later(UNREAD_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _give_up(self) -> None:
        """A close would wait for the rest to be read."""
        if self.transport is not None:
            self.transport.abort()

    def write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)

    async def hang_up(self) -> None:
        """End our half and wait for the peer's: a close over unread bytes is a reset, which destroys the answer."""
        if self.transport is None or self.transport.is_closing():
            return
        self._resume_transport_reading()
        self._lost = self._loop.create_future()
        with suppress(OSError, TimeoutError):
            self.transport.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                await self._lost

    @property
    def socket(self) -> socket | None:
        """Where what arrives is read in the next turn of the loop; None when nothing is read any more, or not now."""
        if self._over or self._close or not isinstance(self.transport, asyncio.Transport):
            return None
        return self.transport.get_extra_info("socket") if self.transport.is_reading() else None

    @property
    def has_more(self) -> bool:
        """Whether requests wait behind the one being answered."""
        return bool(self._messages)

    def close(self) -> None:
        """End after what has been received in full; aiohttp alone would drop what waits behind another request."""
        self._ending = True
        if not self._messages:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Let what was received finish. aiohttp alone would cut a body off, and wait for the time twice."""
        if self._task_handler is not None:
            self.close()  # again: a connection made since then did not await a request yet
            await asyncio.wait([self._task_handler], timeout=timeout)
        await super().shutdown(LAST_MOMENT_SECONDS)
