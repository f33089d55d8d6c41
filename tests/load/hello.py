"""The bare contender: an aiohttp server that says hello, run as `python -m tests.load.hello PORT`."""

import asyncio
import sys

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
    asyncio.run(_serve(int(sys.argv[1])))
