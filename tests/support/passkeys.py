"""Members with passkeys, over HTTP."""

from typing import Any

from aiohttp import ClientResponse

from tests.conftest import Client, bearer
from tests.support.authenticators import Authenticator

Person = dict[str, Any]
Tokens = dict[str, Any]


async def begin(client: Client, person: Person, tokens: Tokens, **more: Any) -> ClientResponse:
    body = {"password": person["password"], **more}
    return await client.post("/auth/factors/passkeys/options", body, **bearer(tokens))


async def add(client: Client, tokens: Tokens, credential: Any, name: str = "My phone") -> ClientResponse:
    return await client.post("/auth/factors/passkeys", {"credential": credential, "name": name}, **bearer(tokens))


async def enrol(
    client: Client, person: Person, tokens: Tokens, device: Authenticator | None = None, **more: Any
) -> tuple[Authenticator, dict[str, Any]]:
    """A device with a passkey of this person, and what the service answered."""
    device = device or Authenticator()
    begun = await begin(client, person, tokens, **more)
    assert begun.status == 200, await begun.text()
    added = await add(client, tokens, device.register(await begun.json()))
    assert added.status == 201, await added.text()
    return device, await added.json()


async def options(client: Client) -> dict[str, Any]:
    answer = await client.http.post("/auth/login/passkey/options")
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def log_in(client: Client, credential: Any) -> ClientResponse:
    return await client.post("/auth/login/passkey", {"credential": credential})


async def log_in_by(client: Client, device: Authenticator, **lies: Any) -> ClientResponse:
    return await log_in(client, device.prove(await options(client), **lies))


async def held(client: Client, tokens: Tokens) -> list[dict[str, Any]]:
    return list((await (await client.get("/auth/factors", **bearer(tokens))).json())["passkeys"])
