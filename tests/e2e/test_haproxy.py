"""A real HAProxy with the shipped configuration, in front of instances that do as they are told."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import ClientSession, ServerDisconnectedError, web

from tests.conftest import ROOT
from tests.support import programs
from tests.support.ports import free_port
from tests.support.waiting import until

LIBRARIES = ["liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"]
PATIENCE = 40.0
CLOSED = 0


@dataclass
class Instance:
    name: str
    is_ready: bool = True
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    responsive: asyncio.Event = field(default_factory=asyncio.Event)  # while it is not set, it hangs
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        await self.responsive.wait()
        if request.path == "/slow":
            await self.released.wait()
        ready = request.path != "/readyz" or self.is_ready
        return web.Response(
            status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
            text=self.name,
            headers={"X-Request-Id": request.headers.get("X-Request-Id", "")},
        )


@pytest.fixture
async def instances() -> AsyncIterator[list[Instance]]:
    async with AsyncExitStack() as closing:
        held = [Instance("one"), Instance("two")]
        for one in held:
            one.responsive.set()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", one.answer)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            closing.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            one.port = site.port
        yield held
        for one in held:
            one.responsive.set()
            one.released.set()


@pytest.fixture
async def proxy(instances: list[Instance], tmp_path: Path) -> AsyncIterator[ClientSession]:
    program = await asyncio.to_thread(programs.find, "haproxy", "-v", libraries=LIBRARIES)
    port, file = free_port(), tmp_path / "haproxy.cfg"
    text = (ROOT / "deploy/proxy/haproxy.cfg").read_text(encoding="utf-8")
    servers = "\n".join(f"    server {one.name} 127.0.0.1:{one.port}" for one in instances)
    text, found = re.subn(r"^    server-template .*$", servers, text, flags=re.MULTILINE)
    assert found == 2
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("127.0.0.1:8404", f"127.0.0.1:{free_port()}")
    file.write_text(text, encoding="utf-8")
    serving = programs.serving(program, "-db", "-f", str(file), port=port, home=tmp_path)
    async with serving, ClientSession(f"http://127.0.0.1:{port}") as http:
        await reaches(http, {"one", "two"})
        yield http


async def reaches(http: ClientSession, names: set[str]) -> None:
    """Wait until requests go to these instances alone."""

    async def is_so() -> bool:
        said = set()
        for _ in range(8):
            async with http.get("/who") as answer:
                said.add(await answer.text() if answer.status == HTTPStatus.OK else "nobody")
        return said == names

    await until(is_so, within=PATIENCE)


async def begin(http: ClientSession, instances: list[Instance]) -> tuple[asyncio.Task[int], Instance, Instance]:
    """A request in flight: its status to come, the instance that has it, and the other one."""

    async def ask() -> int:
        try:
            async with http.post("/slow", data=b"x") as answer:
                return answer.status
        except ServerDisconnectedError:
            return CLOSED

    async def has_arrived() -> bool:
        return any(one.asked["/slow"] for one in instances)

    asking = asyncio.create_task(ask())
    await until(has_arrived, within=PATIENCE)
    busy, other = sorted(instances, key=lambda one: -one.asked["/slow"])
    return asking, busy, other


async def test_a_request_to_an_instance_that_hangs_is_ended_long_before_its_own_timeout(
    proxy: ClientSession, instances: list[Instance]
) -> None:
    asking, hung, other = await begin(proxy, instances)
    hung.responsive.clear()
    async with asyncio.timeout(25):  # `timeout server` is 30 s
        assert await asking in (502, 503, CLOSED)  # which one, the connection behind the proxy decides: fresh or kept
    await reaches(proxy, {other.name})


async def test_an_instance_that_is_about_to_stop_answers_what_it_has(
    proxy: ClientSession, instances: list[Instance]
) -> None:
    asking, busy, other = await begin(proxy, instances)
    busy.is_ready = False
    checks = busy.asked["/readyz"]

    async def is_checked() -> bool:
        return busy.asked["/readyz"] >= checks + 5  # `fall` is 2

    await until(is_checked, within=PATIENCE)
    await reaches(proxy, {other.name})
    assert not asking.done()
    busy.released.set()
    assert await asking == HTTPStatus.OK
    busy.is_ready = True
    await reaches(proxy, {"one", "two"})


async def test_instances_that_are_all_not_ready_refuse_in_their_own_words(
    proxy: ClientSession, instances: list[Instance]
) -> None:
    for one in instances:
        one.is_ready = False

    async def say_so() -> bool:
        async with proxy.get("/readyz") as answer:
            return answer.status == HTTPStatus.SERVICE_UNAVAILABLE and await answer.text() in ("one", "two")

    await until(say_so, within=PATIENCE)
    for one in instances:
        one.is_ready = True
    await reaches(proxy, {"one", "two"})
