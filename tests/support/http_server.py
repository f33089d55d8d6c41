"""A small application behind the front door, and a client of raw sockets: no HTTP library sends such requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from service.http.connection import Connection
from service.http.server import HttpServer, _ConnectionFactory, listen
from service.settings import ServerSettings
from tests.support.waiting import PATIENCE

MARK = "SECRETMARKER"
CREDENTIAL = f"Authorization: Bearer {MARK}\r\n".encode()
HEAD = b"Host: x\r\n" + CREDENTIAL
GOOD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HEAD
GET = b"GET / HTTP/1.1\r\n" + HEAD
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    async def closed(self) -> bytes:
        """What still comes until the server closes."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


class BareServer:
    """A small application behind the front door; its handlers pause where a test wants them to."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.entered = asyncio.Event()
        self.released = asyncio.Event()
        self.clients: list[Client] = []
        app = web.Application(client_max_size=16_384)
        app.router.add_get("/", self.greet)
        app.router.add_post("/echo", self.echo)
        app.router.add_post("/deaf", self.greet)
        app.router.add_get("/slow", self.slow)
        app.router.add_get("/broken", self.broken)
        self.runner = HttpServer(app, settings)
        self.port = 0

    async def greet(self, _: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def echo(self, request: web.Request) -> web.Response:
        self.entered.set()
        return web.Response(body=await request.read())

    async def slow(self, _: web.Request) -> web.Response:
        self.entered.set()
        await self.released.wait()
        return web.Response(text="at last")

    async def broken(self, request: web.Request) -> web.Response:
        raise LookupError(request.headers.get("Authorization"))

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    @property
    def door(self) -> _ConnectionFactory:
        assert isinstance(self.runner.server, _ConnectionFactory)
        return self.runner.server

    def connection(self) -> Connection:
        """The only one that is open."""
        [connection] = self.door.connections
        assert isinstance(connection, Connection)
        return connection

    async def ask(self, request: bytes) -> Answer:
        client = await self.connect()
        await client.send(request)
        return await client.answer()


@asynccontextmanager
async def opened(bare: BareServer) -> AsyncIterator[BareServer]:
    await bare.runner.setup()
    bare.port = await listen(bare.runner, bare.settings)
    try:
        yield bare
    finally:
        for client in bare.clients:
            client.writer.close()
        await bare.runner.cleanup()


async def until(reached: Callable[[], bool]) -> None:
    """Let the server take its turns on the loop."""
    async with asyncio.timeout(PATIENCE):
        while not reached():  # noqa: ASYNC110 - what the server saw of a socket raises no event
            await asyncio.sleep(0)


def ms(count: int) -> timedelta:
    return timedelta(milliseconds=count)
