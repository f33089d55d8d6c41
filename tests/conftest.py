"""The service in three sizes: on fakes, on real stores, and as many instances as a story needs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import fakeredis
import pytest
import structlog
from aiohttp import ClientResponse, ClientSession, TCPConnector
from redis.asyncio import Redis

from service.ambient import Ambient
from service.app import make_app
from service.assembly.application import Application, build, build_on
from service.assembly.backends import Backends
from service.commands import event_loop
from service.domain.seals import Seals
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.models import StoredKey
from service.embedded import Stores, stores
from service.http.server import HttpServer, listen
from service.settings import EventLoop, Settings
from service.stores.migrations import migrate
from service.stores.redis import RedisServer
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.declared import Undeclared
from tests.support.fake_administration import FakeAdmins, FakeAdminTokens, FakeUserDirectory
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_invitations import FakeInvitations
from tests.support.fake_mails import FakeOutbox
from tests.support.fake_moves import FakeMoves
from tests.support.fake_passkeys import FakePasskeys
from tests.support.fake_profiles import FakeProfiles
from tests.support.fake_recovery import FakeEmailChanges, FakeProvedUsers
from tests.support.fake_verifiers import FakeVerifiers
from tests.support.fake_webhooks import FakeCursors, FakeDeliveries
from tests.support.fakes import (
    FakeAuditTrail,
    FakeLifetimes,
    FakePendingRevocations,
    FakeRevocations,
    FakeSigningKeys,
    FakeUsers,
)
from tests.support.named_api_keys import FakeNamedApiKeys
from tests.support.once import compiled_once, opened_once
from tests.support.waiting import unhurried

LONG = 16


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the service chooses, unless the environment names one (CONTRIBUTING.md)."""
    wanted: EventLoop = "asyncio" if item.get_closest_marker("sets_the_loop_s_clock") else builders.EVENT_LOOP
    return {wanted: event_loop.factory(wanted)}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values may be random: by the argument's name (pytest numbers them), the tests are the same in every process."""
    return argname if isinstance(val, str | bytes) and len(val) > LONG else None


class Client:
    """A client of one instance, in the words of the wire contract."""

    def __init__(self, session: ClientSession, port: int) -> None:
        self.http = session
        self.port = port

    async def post(self, path: str, body: object, **headers: str) -> ClientResponse:
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.http.get(path, headers=headers)

    async def sign_up(self, **fields: object) -> dict[str, Any]:
        """A new account: what was sent and what came back."""
        sent = builders.sign_up_body(**fields)
        answer = await self.post("/auth/signup", sent)
        assert answer.status == 201, await answer.text()
        return {**sent, **await answer.json()}

    async def log_in(self, person: dict[str, Any]) -> dict[str, Any]:
        answer = await self.post("/auth/login", {"email": person["email"], "password": person["password"]})
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())

    async def log_out(self, tokens: dict[str, Any]) -> ClientResponse:
        return await self.post("/auth/logout", {"accessToken": tokens["accessToken"]}, **bearer(tokens))

    async def refresh(self, tokens: dict[str, Any]) -> ClientResponse:
        return await self.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]})

    async def me(self, tokens: dict[str, Any]) -> ClientResponse:
        return await self.get("/auth/me", **bearer(tokens))


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['idToken']}"}


@dataclass(frozen=True, repr=False)  # asyncio writes out the result of each task that ran to its end
class OnFakes:
    """The service on fakes, and the fakes to look behind the wall."""

    client: Client
    application: Application
    ambient: FakeAmbient
    users: FakeUsers
    revocations: FakeRevocations
    redis: Redis
    outbox: FakeOutbox
    email_changes: FakeEmailChanges


@pytest.fixture(scope="session", autouse=True)
def computed_once() -> Iterator[None]:
    with compiled_once(), opened_once():
        yield


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """What a test's command made of the log is undone after it."""
    yield
    structlog.reset_defaults()


Serve = Callable[[Application], Awaitable[Client]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an application on a port of its own until the test ends."""
    undeclared = Undeclared()
    async with AsyncExitStack() as closing:

        async def start(application: Application) -> Client:
            app = make_app(application, application.settings.server, middlewares=[undeclared.middleware])
            runner = HttpServer(app, application.settings.server, application.ambient)
            await runner.setup()
            closing.push_async_callback(runner.cleanup)
            port = await listen(runner, application.settings.server)
            session = ClientSession(f"http://127.0.0.1:{port}", connector=TCPConnector(limit=0))
            return Client(await closing.enter_async_context(session), port)

        yield start
    assert undeclared.found == set()  # (method, path, status, code) that OpenAPI does not declare of the call


@pytest.fixture
def ambient(monkeypatch: pytest.MonkeyPatch) -> FakeAmbient:
    """The clock of a Redis in memory goes by it too."""
    ambient = FakeAmbient()
    redis_clock = SimpleNamespace(time=lambda: ambient.now().timestamp())
    monkeypatch.setattr("fakeredis.commands_mixins.server_mixin.time", redis_clock)
    return ambient


@cache
def signing_key() -> StoredKey:
    """One RSA key for all tests on fakes: making one takes a tenth of a second."""
    tokens = builders.settings().tokens
    lifetimes = LongestLifetimes(FakeLifetimes(Ambient()), tokens, Ambient())
    ring = KeyRing(FakeSigningKeys(), Seals([builders.SECRET], Ambient()), Ambient(), tokens, lifetimes)
    new_year = datetime(2026, 1, 1, tzinfo=UTC)
    return replace(ring.make(), created_at=new_year, activates_at=new_year)


MakeOnFakes = Callable[..., Awaitable[OnFakes]]


@pytest.fixture
async def on_fakes(serve: Serve, ambient: FakeAmbient) -> AsyncIterator[MakeOnFakes]:
    """Builds the service on fakes with these settings; `on_fakes(throttle={...})`."""
    async with AsyncExitStack() as closing:

        async def build(**sections: dict[str, Any]) -> OnFakes:
            lifetimes, pending = FakeLifetimes(ambient), FakePendingRevocations(ambient)
            users, revocations = FakeUsers(pending), FakeRevocations(ambient, lifetimes)
            users.ended = revocations.rows
            outbox = FakeOutbox(ambient, users.rows.__contains__)
            changes = FakeEmailChanges(users, outbox)
            redis = fakeredis.FakeAsyncRedis()
            closing.push_async_callback(redis.aclose)
            server = RedisServer(b"the only.run")
            factors = FakeSecondFactors(users)
            deliveries, trail = FakeDeliveries(ambient), FakeAuditTrail()
            ground = Backends(
                users,
                factors,
                FakeSigningKeys(signing_key()),
                revocations,
                trail,
                lifetimes,
                pending,
                redis,
                server,
                outbox=outbox,
                proved_users=FakeProvedUsers(users, changes),
                email_changes=changes,
                inbox=outbox,
                named_api_keys=FakeNamedApiKeys(users),
                passkeys=FakePasskeys(factors),
                verifiers=FakeVerifiers(users),
                profiles=FakeProfiles(users, factors, changes),
                invitations=FakeInvitations(users),
                directory=FakeUserDirectory(users),
                admin_tokens=FakeAdminTokens(),
                admins=FakeAdmins(users),
                webhook_cursors=FakeCursors(deliveries),
                webhook_deliveries=deliveries,
                moves=FakeMoves(users, outbox, trail),
            )
            application = build_on(ground, builders.settings(**sections), ambient)
            closing.push_async_callback(application.passwords.close)
            closing.callback(application.tokens.close)
            await application.open()
            served = await serve(application)
            return OnFakes(served, application, ambient, users, revocations, redis, outbox, changes)

        yield build


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes()


@pytest.fixture
def client(fakes: OnFakes) -> Client:
    return fakes.client


# --- real stores


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """One real Postgres and one real Redis for the whole run."""
    with stores(tmp_path_factory.mktemp("stores"), fast=True) as running:
        yield running


@pytest.fixture
async def redis(embedded: Stores) -> AsyncIterator[Redis]:
    async with Redis.from_url(embedded.redis.url) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def database(embedded: Stores) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The migrated, empty database."""
    await migrate(embedded.postgres.url)
    connection = await asyncpg.connect(embedded.postgres.url)
    await connection.execute(
        "TRUNCATE users, signing_keys, revocations, audit_events, longest_lives, pending_endings, mails, webhook_cursors,"
        " webhook_deliveries, admin_tokens, invitations CASCADE"
    )
    yield connection
    await connection.close()


def real_settings(embedded: Stores, **sections: dict[str, Any]) -> Settings:
    urls = {"database": {"url": embedded.postgres.url}, "redis": {"url": embedded.redis.url}}
    said = {name: urls.get(name, {}) | sections.get(name, {}) for name in urls | sections}
    return builders.settings(**unhurried(said))


Instances = Callable[..., Awaitable[list[Client]]]


@pytest.fixture
async def instances(
    embedded: Stores, serve: Serve, redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Instances]:
    """Starts equal instances on the real stores: `await instances(2)`."""
    async with AsyncExitStack() as closing:

        async def start(count: int, **sections: dict[str, Any]) -> list[Client]:
            clients = []
            for _ in range(count):
                application = build(real_settings(embedded, **sections), Ambient())
                closing.push_async_callback(application.close)
                await application.open()
                clients.append(await serve(application))
            return clients

        yield start


def problem(text: str) -> dict[str, Any]:
    """A problem document, checked for the fields that each must have."""
    said: dict[str, Any] = json.loads(text)
    assert {"type", "title", "status", "detail", "code", "requestId"} <= said.keys()
    return said


ROOT = Path(__file__).parents[1]
