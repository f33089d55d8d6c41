"""A system before this one, which knows passwords and answers as docs/moving.md asks for."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.ports import free_port

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
VARIABLE = "TOKENHOUSE_LAZY_MIGRATION_SECRET"
PASSWORD = "old password"  # which sign-up would not take


@dataclass
class OldSystem:
    """`people`: what it says of those who show PASSWORD; `before`: what happens before each answer."""

    people: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # in place of a person
    before: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
    got: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/check"

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(body["email"], body["password"]) for _, body in self.got]

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        shown = json.loads(text)
        self.got.append(({name.lower(): value for name, value in request.headers.items()} | {"": text}, shown))
        await self.before()
        person = self.people.get(shown["email"].lower())
        if self.raw is not None or self.status != 200:
            return web.Response(status=self.status, headers=self.headers, body=self.raw)
        if person is None or shown["password"] != PASSWORD:
            return web.Response(status=401)
        return web.json_response(person)


@asynccontextmanager
async def old_system(**people: object) -> AsyncIterator[OldSystem]:
    one = OldSystem(people={f"{name}@example.com": said for name, said in people.items()})
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    one.port = free_port()
    await web.TCPSite(runner, "127.0.0.1", one.port).start()
    try:
        yield one
    finally:
        await runner.cleanup()
