"""The service on fakes with Cognito's endpoint, and a client of it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Client, MakeOnFakes, OnFakes
from tests.support.cognito import SERVICE, CognitoClient


@dataclass(frozen=True)
class Ground:
    """Both doors of one service: `cognito` calls operations, `client` the calls of /auth/*."""

    fakes: OnFakes
    cognito: CognitoClient
    client: Client

    def of_client(self, client_id: str) -> CognitoClient:
        return CognitoClient(self.fakes.client.http, client_id=client_id)

    async def call_from(self, source: str, operation: str, **members: Any) -> dict[str, Any]:
        """The answer, or the refusal, to a source behind a trusted proxy."""
        body = json.dumps({"ClientId": self.cognito.client_id} | members).encode()
        answer = await self.cognito.send(f"{SERVICE}.{operation}", body, **{"X-Forwarded-For": source})
        return dict(await answer.json(content_type=None))


MakeGround = Callable[..., Awaitable[Ground]]


@pytest.fixture
def make_ground(on_fakes: MakeOnFakes) -> MakeGround:
    """`make_ground(cognito={"srp": True}, throttle={...})`."""

    async def make(cognito: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Ground:
        fakes = await on_fakes(cognito={"enabled": True} | (cognito or {}), **sections)
        return Ground(fakes, CognitoClient(fakes.client.http), fakes.client)

    return make


@pytest.fixture
async def ground(make_ground: MakeGround) -> Ground:
    return await make_ground()
