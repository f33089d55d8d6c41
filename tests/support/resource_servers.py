"""A resource server as the tests know one, and how it asks."""

import json
from base64 import b64encode
from typing import Any

from aiohttp import ClientResponse

from service.domain.resource_servers.clients import Client as Credential
from tests.conftest import Client
from tests.support.builders import FakeAmbient, part

CREDENTIAL, CLIENT_SECRET = Credential.make("web", FakeAmbient())
KNOWN = {"clients": {CREDENTIAL.name: CREDENTIAL.digest}}


def basic(name: str = CREDENTIAL.name, secret: str = CLIENT_SECRET) -> str:
    return "Basic " + b64encode(f"{name}:{secret}".encode(errors="surrogateescape")).decode()


async def ask(client: Client, path: str, token: str, **headers: str) -> ClientResponse:
    """As a form, with the right credential unless the headers say otherwise."""
    return await client.http.post(path, data={"token": token}, headers={"Authorization": basic()} | headers)


async def introspect(client: Client, token: str) -> dict[str, Any]:
    answer = await ask(client, "/auth/introspect", token)
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(await answer.json())


def claims(token: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(part(token, 1))
    return said
