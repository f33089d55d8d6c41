"""A pool of Redis connections that never hands out a dead one, and that shrinks after a peak."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

KEPT = 4  # idle connections that are never closed
IDLE = 60.0  # seconds without use after which the others are closed: sooner than servers and clouds close them


class Peer(Protocol):
    """The server at the other end of a connection."""

    def is_current(self, connection: AbstractConnection) -> bool:
        """Whether the server's identity was read recently, so that it need not be read again."""

    async def confirm(self, connection: AbstractConnection) -> bool:
        """Read the identity again. Returns whether the connection may be used. Raises the outage."""


class CheckedPool(BlockingConnectionPool):
    """Replaces a dead connection before a command is sent, because no command may be sent twice.

    redis-py checks only for an end of stream. That misses a connection that was reset, and one whose other end vanished
    silently. The latter is detected by a read-only command to the server, unless one was sent recently.
    """

    def __init__(
        self,
        *,
        peer: Peer | None = None,
        confirm_timeout: float = 0.0,
        **options: Any,  # noqa: ANN401 - redis-py's own
    ) -> None:
        super().__init__(**options)
        self._peer = peer
        self._confirm_timeout = confirm_timeout
        self._idle_since: WeakKeyDictionary[AbstractConnection, float] = WeakKeyDictionary()
        self._trimming: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        if connection.is_connected:
            if await self._is_usable(connection):
                return
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)

    async def release(self, connection: AbstractConnection) -> None:
        await super().release(connection)
        self._idle_since[connection] = asyncio.get_running_loop().time()
        self._trim_later()

    async def aclose(self) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None
        await super().aclose()

    def trim(self, now: float) -> None:
        """Close the oldest idle connections beyond KEPT. The last used is reused first, so the oldest are in front."""
        idle = self._available_connections
        while len(idle) > KEPT and now - self._idle_since.get(idle[0], 0.0) >= IDLE:
            self._close(idle.pop(0))

    async def _is_usable(self, connection: AbstractConnection) -> bool:
        try:
            if _is_lost(connection) or await connection.can_read():
                return False
            if self._peer is None or self._peer.is_current(connection):
                return True
            async with asyncio.timeout(self._confirm_timeout):
                return await self._peer.confirm(connection)
        except (RedisError, OSError):  # TimeoutError is an OSError
            return False

    def _trim_later(self) -> None:
        if self._trimming is None and len(self._available_connections) > KEPT:
            self._trimming = asyncio.get_running_loop().call_later(IDLE, self._trim_now)

    def _trim_now(self) -> None:
        self._trimming = None
        self.trim(asyncio.get_running_loop().time())
        self._trim_later()

    def _close(self, connection: AbstractConnection) -> None:
        closing = asyncio.create_task(connection.disconnect(nowait=True))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _is_lost(connection: AbstractConnection) -> bool:
    writer = connection._writer  # noqa: SLF001 - redis-py has no public accessor for it
    return writer is None or bool(writer.is_closing())
