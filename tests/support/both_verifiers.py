"""The verifiers of other services, in Python and in Node, in the same words: one suite of cases for both."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.conftest import ROOT
from tests.support import nodejs
from tests.support.verifiers import ISSUER, NEVER, SharedClock
from tokenhouse_verify import CLAIMS, InvalidTokenError, StaleError, Verifier, protect
from tokenhouse_verify.tokens import Claims

KINDS = ("python", "node")
PATIENCE = 60.0  # seconds for one answer of a process on a busy machine
ERRORS = {
    "InvalidTokenError": InvalidTokenError,
    "StaleError": StaleError,
    "WrongIssuerError": InvalidTokenError,
    "TypeError": ValueError,
}
NODE_FILES = [*(ROOT / "service" / "client" / "node").glob("*.*"), ROOT / "tests" / "drive_verifier.mjs"]


class AnyVerifier(ABC):
    """What both can do. `asked` tells the paths that were asked for since it was called last."""

    @abstractmethod
    async def verify(self, token: str) -> Claims: ...

    @abstractmethod
    async def authenticate(self, token: str) -> Claims: ...

    @abstractmethod
    async def judge(self, tokens: list[str]) -> list[str]:
        """`good`, or the name of the error, for each."""

    @abstractmethod
    async def refresh(self) -> None: ...

    @abstractmethod
    async def staleness(self) -> float: ...

    @abstractmethod
    async def revoked(self) -> int: ...

    @abstractmethod
    async def asked(self) -> list[str]: ...

    @abstractmethod
    async def forget_keys(self) -> None:
        """As if the keys had been made after the last look."""

    @abstractmethod
    async def serve(self) -> str:
        """The address of an application behind its middleware, which says `{"user": …}`."""

    async def refuses(self, token: str) -> bool:
        return await self.judge([token]) == ["InvalidTokenError"]


class InPython(AnyVerifier):
    def __init__(self, verifier: Verifier, servers: list[TestServer]) -> None:
        self._verifier, self._servers = verifier, servers
        self._asked: list[str] = []
        get = verifier._get

        async def noted(path: str, **query: str) -> bytes:
            self._asked.append(path)
            return await get(path, **query)

        verifier._get = noted  # type: ignore[method-assign] # to see what it asks for

    async def verify(self, token: str) -> Claims:
        return self._verifier.verify(token)

    async def authenticate(self, token: str) -> Claims:
        return await self._verifier.authenticate(token)

    async def judge(self, tokens: list[str]) -> list[str]:
        return [self._judged(token) for token in tokens]

    def _judged(self, token: str) -> str:
        try:
            self._verifier.verify(token)
        except (InvalidTokenError, StaleError) as error:
            return "StaleError" if isinstance(error, StaleError) else "InvalidTokenError"
        return "good"

    async def refresh(self) -> None:
        await self._verifier.refresh()

    async def staleness(self) -> float:
        return self._verifier.staleness

    async def revoked(self) -> int:
        return self._verifier.revoked

    async def asked(self) -> list[str]:
        seen, self._asked = self._asked, []
        return seen

    async def forget_keys(self) -> None:
        self._verifier._keys = {}

    async def serve(self) -> str:
        async def hello(request: web.Request) -> web.Response:
            return web.json_response({"user": request[CLAIMS].user_id})

        app = web.Application(middlewares=[protect(self._verifier)])
        app.router.add_get("/", hello)
        server = TestServer(app)
        self._servers.append(server)
        await server.start_server()
        return str(server.make_url("/"))


class InNode(AnyVerifier):
    def __init__(self, process: asyncio.subprocess.Process, clock: SharedClock) -> None:
        self._process, self._clock = process, clock

    async def call(self, name: str, **facts: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        sent = {"call": name, "now": self._clock.now(), "monotonic": self._clock.monotonic(), **facts}
        self._process.stdin.write(f"{json.dumps(sent)}\n".encode())
        async with asyncio.timeout(PATIENCE):
            said = json.loads(await self._process.stdout.readline())
        if "raised" in said:
            raise ERRORS.get(said["raised"], RuntimeError)(said["message"])
        return said["value"]

    async def verify(self, token: str) -> Claims:
        return _claims(await self.call("verify", token=token))

    async def authenticate(self, token: str) -> Claims:
        return _claims(await self.call("authenticate", token=token))

    async def judge(self, tokens: list[str]) -> list[str]:
        return list(await self.call("judge", tokens=tokens))

    async def refresh(self) -> None:
        await self.call("refresh")

    async def staleness(self) -> float:
        return float(await self.call("staleness"))

    async def revoked(self) -> int:
        return int(await self.call("revoked"))

    async def asked(self) -> list[str]:
        return list(await self.call("asked"))

    async def forget_keys(self) -> None:
        await self.call("forgetKeys")

    async def serve(self) -> str:
        return f"http://127.0.0.1:{await self.call('serve')}/"


def _claims(said: dict[str, Any]) -> Claims:
    return Claims(said["userId"], said["sessionId"], said["tokenId"], said["keyId"], said["expiresAt"], said["all"])


OPTIONS = {"poll": "poll", "use": "use", "leeway": "leeway", "max_staleness": "maxStaleness", "base_url": "baseUrl"}


@asynccontextmanager
async def verifier(kind: str, clock: SharedClock, **settings: Any) -> AsyncIterator[AnyVerifier]:
    """One that polls only when it is told to, unless the settings say otherwise."""
    settings = {"poll": NEVER, **settings}
    issuer, client_id = settings.pop("issuer", ISSUER), settings.pop("client_id", "tokenhouse")
    settings = {name: value for name, value in settings.items() if value is not None}
    if kind == "python":
        servers: list[TestServer] = []
        made = Verifier(issuer, client_id, clock=clock, **settings)
        seen = InPython(made, servers)
        async with made:
            yield seen
        for server in servers:
            await server.close()
        return
    home = await asyncio.to_thread(nodejs.home, "node-verifier", NODE_FILES)
    process = await asyncio.create_subprocess_exec(
        "node",
        home / "drive_verifier.mjs",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        node = InNode(process, clock)
        options = {OPTIONS[name]: value for name, value in settings.items()}
        await node.call("make", issuer=issuer, clientId=client_id, options=options)
        await node.call("start")
        yield node
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
