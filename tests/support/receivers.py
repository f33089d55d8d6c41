"""Endpoints for webhooks: one that keeps what it is sent, and one that answers with the bytes that it is told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.ports import free_port


@dataclass
class Receiver:
    """`status`: of its answers; `pause`: seconds before each."""

    status: int = 204
    pause: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    begun: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    async def take(self, request: web.Request) -> web.Response:
        self.begun += 1
        body = await request.read()
        await asyncio.sleep(self.pause)
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def receiver(
    tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0, **told: object
) -> AsyncIterator[Receiver]:
    one = Receiver(**told)  # type: ignore[arg-type] # the fields of a receiver
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    one.port = port or free_port()
    await web.TCPSite(runner, host, one.port, ssl_context=tls).start()
    try:
        yield one
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(answer: Callable[[asyncio.StreamWriter], object]) -> AsyncIterator[int]:
    """Its port. `answer` is called with each connection, when a request has begun, as often as it returns something."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            while answer(writer):
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
