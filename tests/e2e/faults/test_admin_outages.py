"""When a store is away, operators' programs hear that, and that their token is wrong never."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.admin.examples import ALL_EXAMPLES
from service.admin.routes import ADMIN_OPERATIONS
from service.ambient import Ambient
from service.api.operation import Operation
from service.assembly.application import build
from service.domain.administration.admin_tokens import WantedToken
from service.domain.administration.models import AdminScope
from service.embedded import EmbeddedPostgres, EmbeddedRedis, Stores
from service.embedded.server import EmbeddedServer
from tests.conftest import Client, problem, real_settings
from tests.support.fault_instances import Instance
from tests.support.outages import HANG
from tests.support.paths import plain_path
from tests.support.waiting import until

ON = {
    "admin": {"enabled": True},
    "mail": {"url": "smtp://mail.example.com", "sender": "accounts@example.com"},  # nobody connects to it
}


async def made(own: Stores, name: str) -> str:
    """A token of every scope."""
    application = build(real_settings(own), Ambient())
    await application.open()
    try:
        wanted = WantedToken(name=name, scopes=tuple(AdminScope), networks=(), lifetime=timedelta(days=1))
        token = await application.admin_tokens.make(wanted)
        assert token
        return token[1]
    finally:
        await application.close()


async def said(client: Client, text: str, one: Operation, named: dict[str, str]) -> tuple[int, str]:
    body = ALL_EXAMPLES.bodies[one.about.takes] if one.about.takes else None
    async with asyncio.timeout(HANG):
        answer = await client.http.request(
            one.method, plain_path(one.path, named), json=body, headers={"Authorization": f"Bearer {text}"}
        )
        shown = await answer.text()
    return answer.status, str(problem(shown)["code"]) if answer.status >= 400 else ""


@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedRedis])
async def test_without_a_store_every_call_is_503_and_nothing_of_it_has_happened(
    own: Stores, instance: Instance, server: type[EmbeddedServer]
) -> None:
    client = await instance(**ON)
    text = await made(own, server.__name__.lower())
    person = await client.sign_up()
    tokens = await client.log_in(person)
    named = {"userId": person["userId"], "sessionId": "x" * 24}
    (show,) = [one for one in ADMIN_OPERATIONS if (one.method, one.path) == ("GET", "/admin/users/{userId}")]
    assert (await said(client, text, show, named))[0] == 200
    [broken] = [one for one in (own.redis, own.postgres) if isinstance(one, server)]
    broken.kill()
    try:
        for one in ADMIN_OPERATIONS:
            assert await said(client, text, one, named) == (503, "unavailable"), f"{one.method} {one.path}"
    finally:
        broken.start()

    async def works() -> bool:
        return (await said(client, text, show, named))[0] == 200 and (await client.me(tokens)).status == 200

    await until(works)
    shown: dict[str, Any] = await (
        await client.http.get(f"/admin/users/{person['userId']}", headers={"Authorization": f"Bearer {text}"})
    ).json()
    assert (shown["firstName"], shown["groups"], "disabledAt" in shown) == (person["firstName"], [], False)


async def test_an_everybody_that_was_interrupted_is_finished_by_asking_again(own: Stores, instance: Instance) -> None:
    client = await instance(**ON)
    text = await made(own, "everybody")
    people = [await client.sign_up() for _ in range(3)]
    tokens = [await client.log_in(one) for one in people]
    (call,) = [one for one in ADMIN_OPERATIONS if one.path == "/admin/sessions/end-all"]

    async def asked() -> int:
        return (await said(client, text, call, {}))[0]

    asking = asyncio.create_task(asked())
    own.redis.kill()
    own.redis.start()
    first = await asking

    async def ended() -> bool:
        return await asked() == 200

    if first != 200:
        assert first == 503
        await until(ended)
    assert {(await client.me(one)).status for one in tokens} == {401}
    assert {(await client.refresh(one)).status for one in tokens} == {401}
    assert await client.log_in(people[0])
