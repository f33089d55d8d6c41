"""What gateways ask of Tokenhouse, and what they make of its refusals, with the snippets of docs/gateways.md."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import yaml
from aiohttp import web
from multidict import CIMultiDict

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import Stores
from tests.conftest import Instances, Serve, bearer, problem, real_settings
from tests.e2e.test_gateways import GUIDE, Gateway, Open, Upstream, gateway, upstream
from tests.support.ports import free_port

__all__ = ["gateway", "upstream"]  # fixtures of this file as well
VERIFY = {"authorization", "x-api-key", "x-forwarded-for"}
OF_THE_CLIENT_PROGRAM = {"host", "connection", "user-agent", "accept-encoding", "x-forwarded-method"}


async def refusal(proxy: Gateway, **headers: str) -> tuple[int, dict[str, Any], Any]:
    async with proxy.http.get("/orders", headers=headers) as answer:
        return answer.status, problem(await answer.text()), answer.headers


async def test_a_good_token_passes_whatever_else_the_client_sends(gateway: Open, instances: Instances) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    credential = bearer(await client.log_in(await client.sign_up()))
    cookies = CIMultiDict([*credential.items(), *(("Cookie", f"c{number}={'x' * 4_500}") for number in range(2))])
    fields = credential | {f"X-Field-{number}": "x" for number in range(64)}
    for path, headers in (("/orders", cookies), ("/orders", fields), (f"/orders?q={'x' * 8_100}", credential)):
        async with proxy.http.get(path, headers=headers) as answer:
            assert answer.status == 200, (path[:20], await answer.text())


async def test_nothing_is_sent_but_what_verify_reads(gateway: Open) -> None:
    asked: list[set[str]] = []

    async def note(request: web.Request) -> web.Response:
        assert request.path_qs == "/auth/verify"
        asked.append({name.lower() for name in request.headers})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/auth/verify", note)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy = await gateway(site.port)
    sent = {
        "Cookie": "a=b",
        "X-Field": "x",
        "Referer": "http://x/",
        "X-Forwarded-Uri": "/",
        "Content-Type": "text/plain",
    }
    for credential in ({}, {"Authorization": "Bearer x"}, {"X-Api-Key": "x"}):
        assert (await proxy.ask("/orders?x=y", "POST", "body", **sent, **credential))[0] == 200
    await runner.cleanup()
    assert [one - OF_THE_CLIENT_PROGRAM for one in asked] == [
        {"x-forwarded-for"},
        {"authorization", "x-forwarded-for"},
        {"x-api-key", "x-forwarded-for"},
    ]


async def test_a_refusal_passes_through_as_itself(gateway: Open, instances: Instances, upstream: Upstream) -> None:
    limits = {"exempt": [], "api_key_unknown": "1/1h"}
    [client] = await instances(1, throttle=limits, server={"trusted_proxies": ["127.0.0.1"]})
    proxy = await gateway(client.port)
    person = await client.sign_up()
    both = bearer(await client.log_in(person)) | {"x-api-key": person["apiKey"]}
    for headers, status, code, field in (
        ({}, 401, "invalid_token", "WWW-Authenticate"),
        ({"Authorization": "Bearer a.b.c"}, 401, "invalid_token", "WWW-Authenticate"),
        (both, 400, "malformed_request", "Content-Type"),
        ({"x-api-key": "ak_guess"}, 401, "invalid_token", "WWW-Authenticate"),
        ({"x-api-key": "ak_guess"}, 429, "rate_limited", "Retry-After"),
    ):
        told, said, fields = await refusal(proxy, **headers)
        assert (told, said["code"], said["status"]) == (status, code, status)
        assert len(fields.getall(field)) == 1
        assert fields["Content-Type"] == "application/problem+json"
        assert len(said["requestId"]) > 8
    assert upstream.asked == []


async def test_an_outage_passes_through_as_itself(
    gateway: Open, embedded: Stores, redis: object, database: object, serve: Serve
) -> None:
    application = build(real_settings(embedded), Ambient())
    async with AsyncExitStack() as closing:
        closing.push_async_callback(application.close)
        await application.open()
        client = await serve(application)
        person = await client.sign_up()
        proxy = await gateway(client.port)
        assert application.backends.postgres
        await application.backends.postgres.close()
        told, said, fields = await refusal(proxy, **{"x-api-key": person["apiKey"]})
    assert (told, said["code"]) == (503, "unavailable")
    assert fields["Retry-After"] in ("1", "2", "3")


async def test_a_tokenhouse_that_hangs_holds_nobody_for_long(gateway: Open, upstream: Upstream) -> None:
    port, held = free_port(), []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async with await asyncio.start_server(take, "127.0.0.1", port):
        proxy = await gateway(port)
        async with asyncio.timeout(40):  # their own limits are a minute, and none
            status, _ = await proxy.ask("/orders", Authorization="Bearer a.b.c")
        for writer in held:
            writer.close()
    assert status in (502, 503, 504)
    assert upstream.asked == []


def test_the_snippet_for_traefik_sends_what_verify_reads() -> None:
    """It has not been run; this much can be told from its text and from Traefik's source."""
    text = GUIDE.read_text(encoding="utf-8").partition("## Traefik\n")[2].partition("```yaml\n")[2].partition("```")[0]
    parts = yaml.safe_load(text)["http"]
    members, asks = parts["routers"]["members"]["middlewares"], parts["middlewares"]
    verify = asks["verified"]["forwardAuth"]
    assert {name.lower() for name in verify["authRequestHeaders"]} == VERIFY - {"x-forwarded-for"}
    assert verify["trustForwardHeader"]  # the short address is taken for the long one
    assert asks["anonymous"]["headers"]["customRequestHeaders"]["X-Forwarded-Uri"] == "/"
    assert members.index("anonymous") < members.index("verified") < members.index("tidied")
    assert asks["tidied"]["headers"]["customRequestHeaders"] == {"X-Forwarded-Uri": ""}
