"""Stores that fail on demand, and how every call answers meanwhile."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from service.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.conftest import Client, problem
from tests.support import builders
from tests.support.waiting import PATIENCE, until

HANG = PATIENCE  # seconds; whatever takes longer will never answer
CALLS = ("login", "sign up", "refresh", "me", "log out")


@dataclass(frozen=True)
class Heard:
    call: str
    status: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Scene:
    """One instance on stores that may fail, and a member who has logged in twice."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    client: Client
    person: dict[str, Any]
    tokens: dict[str, Any]
    spare: dict[str, Any]  # the session that is logged out

    def call(self, name: str) -> Awaitable[ClientResponse]:
        match name:
            case "login":
                return self.client.post("/auth/login", {name: self.person[name] for name in ("email", "password")})
            case "sign up":
                return self.client.post("/auth/signup", builders.sign_up_body())
            case "refresh":
                return self.client.refresh(self.tokens)
            case "me":
                return self.client.me(self.tokens)
            case "api key":
                return self.client.get("/auth/me", **{"x-api-key": self.person["apiKey"]})
            case _:
                return self.client.log_out(self.spare)

    async def hear(self, name: str) -> Heard:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.timeout(HANG):
            answer = await self.call(name)
            said = await answer.text()
        if answer.status == 503:
            assert problem(said)["code"] == "unavailable"
            assert int(answer.headers["Retry-After"]) >= 1
        return Heard(name, answer.status, said, clock() - began)

    async def is_ready(self) -> bool:
        return (await self.client.get("/readyz")).status == 200


async def all_unavailable(scene: Scene, *calls: str) -> list[Heard]:
    """Every call answers 503, twice: when the failure is met, and when it is known."""
    return [heard for _ in range(2) for heard in await unavailable_at_once(scene, calls)]


async def burst_unavailable(scene: Scene, *calls: str) -> list[Heard]:
    """A hundred calls at once queue up for nothing."""
    return await unavailable_at_once(scene, [calls[number % len(calls)] for number in range(100)])


async def unavailable_at_once(scene: Scene, calls: Sequence[str]) -> list[Heard]:
    answers = await asyncio.gather(*(scene.hear(name) for name in calls))
    for heard in answers:
        assert heard.status == 503, heard
    return answers


async def still_stands(scene: Scene) -> None:
    """What needs no store goes on, and balancers are told to look elsewhere."""
    for path in ("/healthz", "/.well-known/jwks.json"):
        async with asyncio.timeout(HANG):
            assert (await scene.client.get(path)).status == 200

    async def tells() -> bool:
        return not await scene.is_ready()

    await until(tells)


async def recovers(scene: Scene, *, but: tuple[str, ...] = ()) -> None:
    """Every call works again by itself; until then it is 503, and never 401."""

    async def works(name: str) -> bool:
        heard = await scene.hear(name)
        assert heard.status in (200, 201, 503), heard
        return heard.status != 503

    for name in CALLS:
        if name not in but:
            await until(lambda name=name: works(name))  # type: ignore[misc] # mypy cannot infer it
    await until(scene.is_ready)
