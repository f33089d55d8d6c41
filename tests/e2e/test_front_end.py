"""docs/front-end.md: its client works, its words are those of the code, and its gateways let preflights through."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from service.http.cors import MAY_READ, MAY_SEND, REMEMBERED
from service.settings import ServerSettings
from tests.conftest import ROOT, MakeOnFakes, OnFakes, bearer
from tests.e2e.test_gateways import CADDY, NGINX, program_of, snippet
from tests.support import programs
from tests.support.ports import free_port

PAGE = (ROOT / "docs" / "front-end.md").read_text(encoding="utf-8")
ORIGIN = "https://app.example.com"
PATIENCE = 60.0
DRIVER = """
const said = {};
said.early = (await call("/auth/me").catch((error) => error)).code;
await login("ada@example.com", "SecurePass1!");
said.me = (await call("/auth/me")).email;
tokens.idToken = "expired";
const [one, two] = await Promise.all([call("/auth/me"), call("/auth/sessions")]);
said.refreshed = [one.email, two.sessions.length];
said.wrong = await login("ada@example.com", "Wrong-Pass1!").catch((error) => [error.code, error.status]);
const left = { ...tokens };
await logout();
said.out = (await call("/auth/me").catch((error) => error)).code;
tokens = left;
await logout();
said.again = tokens === undefined;
console.log(JSON.stringify(said));
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def test_the_client_of_the_page_logs_in_refreshes_and_logs_out(fakes: OnFakes, tmp_path: Path) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not on PATH")
    await fakes.client.sign_up(email="ada@example.com")
    [text] = blocks("js")
    program = tmp_path / "client.mjs"
    program.write_text(text.replace("https://auth.example.com", f"http://127.0.0.1:{fakes.client.port}") + DRIVER)
    process = await asyncio.create_subprocess_exec(
        "node", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert json.loads(output) == {
        "me": "ada@example.com",
        "refreshed": ["ada@example.com", 1],
        "wrong": ["invalid_credentials", 401],
        "early": "not_logged_in",
        "out": "not_logged_in",
        "again": True,
    }


def test_the_page_tells_the_header_fields_and_times_of_the_code() -> None:
    told = dict(
        re.findall(r"^\| (header fields that a page may \w+|a preflight[^|]*) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    )
    listed = {name: ", ".join(re.findall(r"`([^`]+)`", fields)) for name, fields in told.items()}
    assert listed["header fields that a page may send"] == MAY_SEND
    assert listed["header fields that a page may read"] == MAY_READ
    assert told["a preflight is remembered for"] == f"{REMEMBERED} s"
    seconds = ServerSettings().keepalive_timeout.total_seconds()
    assert f"`server.keepalive_timeout`, {seconds:.0f} s by default" in PAGE.replace("\n", " ")
    for waits in re.findall(r"(?:keepalive_timeout|keepalive|idleConnTimeout:|idle_timeout:) (\d+)s\b", PAGE):
        assert int(waits) < seconds


def test_each_time_that_the_page_sets_is_one_that_the_service_takes() -> None:
    rows = re.findall(r"\| (\d+) s[^|]*\| `TOKENHOUSE_SERVER__KEEPALIVE_TIMEOUT=(\w+)` \|", PAGE)
    assert rows
    for balancer, ours in rows:
        assert ServerSettings.model_validate({"keepalive_timeout": ours}).keepalive_timeout.total_seconds() > int(
            balancer
        )


async def test_the_service_offers_no_credentials_and_no_authorization_endpoint(on_fakes: MakeOnFakes) -> None:
    """What the page says that a browser and an OIDC library will miss."""
    client = (await on_fakes(server={"cors_origins": [ORIGIN]})).client
    asking = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    tokens = await client.log_in(await client.sign_up())
    for answer in (
        await client.http.options("/auth/me", headers=asking),
        await client.get("/auth/me", Origin=ORIGIN, **bearer(tokens)),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
    discovery = await (await client.get("/.well-known/openid-configuration")).json()
    assert not [name for name in discovery if name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")]
    refused = await client.get("/auth/me", Authorization=f"Bearer {tokens['accessToken']}")
    assert refused.status == 401


async def answer_pages(request: web.Request) -> web.Response:
    """An application that answers preflights by itself, and shows who it thinks is calling."""
    identity = {
        name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-auth") and value
    }
    headers = {"Access-Control-Allow-Origin": ORIGIN, "Access-Control-Allow-Headers": "Authorization"}
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=headers | {"X-Seen": json.dumps(identity)})
    return web.json_response(identity, headers=headers)


@pytest.fixture
async def application() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer_pages)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site.port
    await runner.cleanup()


def with_preflights(kind: str, text: str, application: int) -> str:
    """A gateway of the other page with what this page adds."""
    if kind == "nginx":
        inside, beside = (block.replace("app:3000", f"127.0.0.1:{application}") for block in blocks("nginx"))
        assert text.count("    location / {\n") == 1
        return text.replace("    location / {\n", f"{beside}    location / {{\n{inside}")
    [matcher] = blocks("caddyfile")
    line = "        @members not path /public/*\n"
    assert text.count(line) == 1
    return text.replace(line, matcher)


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
async def test_a_preflight_comes_through_a_gateway_and_nothing_else_does_without_a_token(
    kind: str, fakes: OnFakes, application: int, tmp_path: Path
) -> None:
    program = await asyncio.to_thread(program_of, kind)
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    asking = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
        "X-Auth-User-Id": "root",
        "X-Auth-Email": "root",
        "X-Auth-Scopes": "root",
    }
    heard: dict[bool, Any] = {}
    for lets_through in (False, True):
        port, home = free_port(), tmp_path / str(lets_through)
        home.mkdir()
        text = snippet("nginx" if kind == "nginx" else "caddyfile", port, fakes.client.port, application)
        text = with_preflights(kind, text, application) if lets_through else text
        file = home / "configuration"
        file.write_text(
            NGINX.format(home=home, snippet=text) if kind == "nginx" else CADDY.format(snippet=text), encoding="utf-8"
        )
        words = ["-e", str(home / "error.txt"), "-p", str(home), "-c", str(file)]
        words = words if kind == "nginx" else ["run", "--adapter", "caddyfile", "--config", str(file)]
        async with AsyncExitStack() as closing:
            await closing.enter_async_context(programs.serving(program, *words, port=port, home=home))
            http = await closing.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
            preflight = await http.options("/orders", headers=asking)
            stranger = await http.get("/orders", headers={"Origin": ORIGIN})
            member = await http.get("/orders", headers=bearer(tokens))
            heard[lets_through] = (preflight.status, preflight.headers.get("X-Seen"), stranger.status, member.status)
            assert "x-auth-user-id" in await member.json()
    assert heard == {False: (401, None, 401, 200), True: (204, "{}", 401, 200)}
