"""The bare contender: an aiohttp server that says hello, run as `python -m tests.load.hello PORT LOOP`."""

import asyncio
import sys
from importlib import import_module

from aiohttp import web


async def _hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


async def _serve(port: int) -> None:
    app = web.Application()
    app.router.add_get("/hello", _hello)
    app.router.add_get("/readyz", _hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    loop = import_module(sys.argv[2])  # uvloop or asyncio
    with asyncio.Runner(loop_factory=loop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
