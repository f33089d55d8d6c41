"""A small balancer of HTTP, as careful as a plain proxy: health checks, and one retry where nothing can have happened."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiohttp import ClientConnectionError, ClientConnectorError, ClientSession, ClientTimeout, TCPConnector, web

from tests.support.waiting import PATIENCE, until

CHECK_EVERY = 0.1  # seconds
HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "date", "keep-alive"}


class Balancer:
    """Sends each request to the next ready instance. What an instance may have carried out is not sent again."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ready: set[int] = set()
        self.retries = 0
        self.lost = 0  # answered with 502 or 503 of our own
        self.port = 0
        self._ports = ports
        self._turn = itertools.count()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Balancer"]:
        async with (
            ClientSession(
                auto_decompress=False, timeout=ClientTimeout(total=PATIENCE), connector=TCPConnector(limit=0)
            ) as self._kept,
            ClientSession(timeout=ClientTimeout(total=PATIENCE)) as self._checks,
        ):
            checking = [asyncio.create_task(self._check(port)) for port in self._ports]
            runner = web.ServerRunner(web.Server(self._pass_on))
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = site.port
            try:
                yield self
            finally:
                for task in checking:
                    task.cancel()
                await asyncio.wait(checking)
                await runner.cleanup()

    async def sees(self, *ports: int) -> None:
        """Wait until just these instances are ready."""

        async def are_seen() -> bool:
            return self.ready == set(ports)

        await until(are_seen)

    async def _check(self, port: int) -> None:
        while True:
            is_ready = False
            with suppress(ClientConnectionError, TimeoutError):
                async with self._checks.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    is_ready = answer.status == 200
            (self.ready.add if is_ready else self.ready.discard)(port)
            await asyncio.sleep(CHECK_EVERY)

    async def _pass_on(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        tried: set[int] = set()
        while ports := sorted(self.ready - tried):
            port = ports[next(self._turn) % len(ports)]
            tried.add(port)
            try:
                return await self._ask(port, request, body)
            except ClientConnectionError as error:
                nothing_happened = isinstance(error, ClientConnectorError) or request.method == "GET"
                if len(tried) > 1 or not nothing_happened:
                    break
                self.retries += 1
        self.lost += 1
        return web.Response(status=502 if tried else 503)

    async def _ask(self, port: int, request: web.BaseRequest, body: bytes) -> web.Response:
        url = f"http://127.0.0.1:{port}{request.path_qs}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._kept.request(request.method, url, data=body, headers=headers) as answer:
            said = await answer.read()
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, body=said, headers=headers)
