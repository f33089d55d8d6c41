"""A stretch of network between the service and a store, which behaves as badly as a test asks."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from pathlib import Path

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Mode(Enum):
    PASS = auto()
    DELAY = auto()  # each piece by `seconds`, both ways
    BLACKHOLE = auto()  # nothing arrives and nothing ends, as behind a firewall that drops
    RESET = auto()  # every connection, old and new, at once
    FORGET = auto()  # the connections that are open lead nowhere from now on, and nobody is told; new ones pass
    CUT = auto()  # both ways at once: after the requests that hold `once`, and `after` more bytes of answers


class Relay:
    """Listens on a port of loopback for clients of a store that listens on a Unix socket or another port."""

    def __init__(self, target: Path | int) -> None:
        self._target = target
        self._mode = Mode.PASS
        self._seconds = 0.0
        self._left = 0
        self._awaited: list[bytes] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self.cuts = 0
        self.port = 0

    def behave(self, mode: Mode, *, seconds: float = 0.0, after: int = 0, once: Sequence[bytes] = ()) -> None:
        """From now on, also on the connections that are open."""
        self._mode, self._seconds, self._left, self._awaited = mode, seconds, after, list(once)
        if mode is Mode.BLACKHOLE:
            self._may_pass.clear()
        else:
            self._may_pass.set()
        if mode is Mode.RESET:
            self._reset_all()
        if mode is Mode.FORGET:
            self._forgotten |= self._open

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.behave(Mode.RESET)
            await asyncio.sleep(0)

    async def _serve(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self._open.add(near)
        try:
            await self._may_pass.wait()
            if self._mode is Mode.RESET:
                return
            try:
                far_reader, far = await self._dial()
            except OSError:
                return
            self._open.add(far)
            ways = [
                asyncio.create_task(self._carry(near_reader, far)),
                asyncio.create_task(self._carry(far_reader, near, counts=True)),
            ]
            await asyncio.wait(ways)
            self._hang_up(far)
        finally:
            self._hang_up(near)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False) -> None:
        """Until either end is gone; then the other one is told in the same words."""
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._mode is Mode.DELAY:
                    await asyncio.sleep(self._seconds)
                await self._may_pass.wait()
                if writer in self._forgotten:
                    continue
                if not counts and self._awaited and self._awaited[0] in data:
                    del self._awaited[0]
                if counts and self._mode is Mode.CUT and not self._awaited:
                    data, self._left = data[: self._left], self._left - len(data)
                    if self._left <= 0:
                        writer.write(data)
                        self.cuts += 1
                        self._reset_all()
                        return
                writer.write(data)
                await writer.drain()
        writer.close()

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            wire = writer.get_extra_info("socket")
            if wire is not None and wire.family != socket.AF_UNIX:
                with suppress(OSError):
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._hang_up(writer)

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        self._forgotten.discard(writer)
        writer.transport.abort()
