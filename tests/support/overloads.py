"""The service on fakes with a full password queue, and a client of raw sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from service.app import make_app
from service.assembly.application import Application
from service.domain.models import Visitor
from service.domain.passwords.hash_queue import Slot
from service.errors import OverloadedError
from service.http.refusal_pace import RefusalPace
from service.http.server import HttpServer, listen
from service.request_log import RequestRecord
from service.settings import ServerSettings
from tests.support.http_server import Client

BODY = b'{"email": "nobody@example.com", "password": "Wrong1!x"}'
HEAD = b"Host: x\r\nContent-Type: application/json\r\nX-Request-Id: r-1\r\n"


def post(path: str = "/auth/login", more: bytes = b"", body: bytes = BODY, version: bytes = b"HTTP/1.1") -> bytes:
    """The bytes of a request."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path.encode() + b" " + version + b"\r\n" + HEAD + length + more + b"\r\n" + body


class Overloaded:
    def __init__(self, application: Application, pace: RefusalPace) -> None:
        self.application = application
        self.pace = pace
        self.lines: list[RequestRecord] = []
        self.seen: list[str] = []  # paths of the requests that the application has seen
        self.port = 0
        self.runner: HttpServer
        self.tls: ssl.SSLContext | None = None
        self._held: list[Slot] = []
        self._clients: list[Client] = []

    @web.middleware
    async def see(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append(request.path)
        return await handler(request)

    def fill(self) -> None:
        """Take every place, each for another source and another account."""
        for number in count():
            source = f"198.51.{number // 250}.{number % 250}"
            try:
                self._held.append(self.application.passwords.reserve(Visitor(source), source))
            except OverloadedError:
                return

    def free(self) -> None:
        for place in self._held:
            place.__exit__()
        self._held.clear()

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls))
        self._clients.append(client)
        return client

    async def send(self, request: bytes) -> Client:
        client = await self.connect()
        await client.send(request)
        return client

    async def ask(self, request: bytes) -> bytes:
        """All that comes until the server closes; the request must make it do so."""
        return await (await self.send(request)).closed()

    def close(self) -> None:
        for client in self._clients:
            client.writer.close()


@asynccontextmanager
async def overloaded(
    application: Application, server: ServerSettings, pace: RefusalPace | None = None
) -> AsyncIterator[Overloaded]:
    """An instance of its own in front of the application, whose queue is full."""
    one = Overloaded(application, pace or RefusalPace())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("service.app.RefusalPace", lambda: one.pace)
        app = make_app(application, server, log_request=one.lines.append, middlewares=[one.see])
    one.runner = HttpServer(app, server, application.ambient)
    async with AsyncExitStack() as closing:
        await one.runner.setup()
        closing.push_async_callback(one.runner.cleanup)
        one.port = await listen(one.runner, server)
        closing.callback(one.close)
        one.fill()
        yield one
