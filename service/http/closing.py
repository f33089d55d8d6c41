"""Closing connections: complete requests still get a response, and no response is lost to a TCP reset."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Any

from aiohttp import web

LINGER_SECONDS = 2.0
LAST_MOMENT_SECONDS = 0.25
UNREAD_SECONDS = 30.0  # for a client that does not read its responses


class ClosingConnection(web.RequestHandler):
    __slots__ = ("_ending", "_lost", "_over", "_stalled", "peer_has_ended", "when_gone")

    def __init__(self, server: web.Server, **arguments: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(server, **arguments)
        self._ending = False  # respond to the complete requests, then close
        self.peer_has_ended = False
        self.when_gone: Callable[[], object] | None = None  # called when the peer has ended or the connection is lost
        self._over = False  # further input is discarded
        self._lost: asyncio.Future[None] | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)
        if self.when_gone is not None:
            self.when_gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.call_later(UNREAD_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _give_up(self) -> None:
        """Abort: a close would wait until the peer has read the rest."""
        if self.transport is not None:
            self.transport.abort()

    def write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)

    async def hang_up(self) -> None:
        """Half-close, then wait for the peer's FIN: a close with unread input is a reset, which loses the response."""
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
        """The socket, if its input is read in the next turn of the event loop; None if reading is paused or over."""
        if self._over or self._close or not isinstance(self.transport, asyncio.Transport):
            return None
        return self.transport.get_extra_info("socket") if self.transport.is_reading() else None

    @property
    def has_more(self) -> bool:
        """Whether more requests are queued behind the current one."""
        return bool(self._messages)

    def close(self) -> None:
        """Close after the complete requests; aiohttp alone would drop those queued behind another."""
        self._ending = True
        if not self._messages:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Let received requests finish. aiohttp alone would cut off a body, and wait for the timeout twice."""
        if self._task_handler is not None:
            self.close()  # again: a connection made since then did not await a request yet
            await asyncio.wait([self._task_handler], timeout=timeout)
        await super().shutdown(LAST_MOMENT_SECONDS)
