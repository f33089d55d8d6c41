"""Libraries that applications verify our tokens with, each with its own cache of our keys."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt

from tests.conftest import ROOT
from tests.support import nodejs
from tests.support.waiting import PATIENCE

LIBRARIES = ("PyJWT", "jose", "aws-jwt-verify")
ISSUER = "http://127.0.0.1:8080"
AUDIENCE = "tokenhouse"
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
NODE_FILES = ROOT / "tests" / "e2e" / "node"


class Verifier(ABC):
    @abstractmethod
    async def user_of(self, token: str) -> str:
        """The token's `sub`, or `refused: ` and the library's own word for what is wrong."""


class PyJwt(Verifier):
    def __init__(self, jwks_uri: str) -> None:
        self._keys = jwt.PyJWKClient(jwks_uri)

    async def user_of(self, token: str) -> str:
        try:
            return await asyncio.to_thread(self._verify, token)
        except jwt.PyJWTError as error:
            return f"refused: {type(error).__name__}"

    def _verify(self, token: str) -> str:
        key = self._keys.get_signing_key_from_jwt(token)
        return str(jwt.decode(token, key, algorithms=ALGORITHMS, issuer=ISSUER, audience=AUDIENCE)["sub"])


class OnNode(Verifier):
    """A process of its own, which keeps its keys from one token to the next."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def user_of(self, token: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{token}\n".encode())
        async with asyncio.timeout(PATIENCE):
            said = json.loads(await self._process.stdout.readline())
        return str(said["sub"]) if "sub" in said else f"refused: {said['refused']}"


@asynccontextmanager
async def verifier(library: str, port: int) -> AsyncIterator[Verifier]:
    """A verifier that has not seen a key yet. Skips the test where the library cannot be had."""
    jwks_uri = f"http://127.0.0.1:{port}/.well-known/jwks.json"
    if library == "PyJWT":
        yield PyJwt(jwks_uri)
        return
    home = await asyncio.to_thread(nodejs.home, "node", NODE_FILES.iterdir())
    process = await asyncio.create_subprocess_exec(
        "node",
        home / "verify.mjs",
        library,
        jwks_uri,
        ISSUER,
        AUDIENCE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield OnNode(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
