"""`FakeVerifier`, with which the users of the verifier test their own services."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from joserfc.jwk import OKPKey

from tests.conftest import ROOT
from tests.support.verifiers import refuses
from tokenhouse_verify import CLAIMS, StaleError, protect
from tokenhouse_verify.testing import FakeVerifier


@pytest.mark.parametrize("use", ["id", "access"])
async def test_a_fake_takes_the_tokens_that_it_makes(use: str) -> None:
    async with FakeVerifier(use=use) as verifier:
        claims = verifier.verify(verifier.token("ada", session_id="s" * 24, role="clerk"))
        assert (claims.user_id, claims.session_id, claims.all["role"]) == ("ada", "s" * 24, "clerk")
        assert await verifier.authenticate(verifier.token())


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another"},
        {"iss": "https://other.example"},
        {"token_use": "access"},
        {"sub": 7},
        {"jti": "x"},
        {"lifetime": 86_401},
    ],
    ids=str,
)
def test_a_fake_judges_by_the_rules_of_the_real_one(change: dict[str, Any]) -> None:
    verifier = FakeVerifier()
    assert not refuses(verifier, verifier.token())
    assert refuses(verifier, verifier.token(**change))


def test_a_fake_refuses_the_tokens_of_another() -> None:
    stranger = FakeVerifier()
    assert isinstance(stranger._key, OKPKey)
    assert refuses(FakeVerifier(), stranger.token())


def test_a_session_that_a_test_ends_is_refused_and_no_other() -> None:
    verifier = FakeVerifier()
    ended, other = verifier.token(session_id="e" * 24), verifier.token()
    verifier.verify(ended)
    verifier.end_session("e" * 24)
    assert refuses(verifier, ended)
    assert not refuses(verifier, other)
    assert verifier.revoked == 1


def test_a_token_expires_when_a_test_moves_the_clock() -> None:
    verifier = FakeVerifier()
    token = verifier.token(lifetime=60)
    verifier.advance(64)
    assert not refuses(verifier, token)
    verifier.advance(1)
    assert refuses(verifier, token)


async def test_a_fake_out_of_reach_is_stale_once_its_news_is_old() -> None:
    async with FakeVerifier() as verifier:
        token = verifier.token()
        verifier.is_reachable = False
        verifier.advance(29)
        assert not refuses(verifier, token)
        verifier.advance(2)
        with pytest.raises(StaleError):
            verifier.verify(token)
        verifier.is_reachable = True
        await verifier.refresh()
        assert not refuses(verifier, token)


async def test_a_service_is_tested_behind_a_fake() -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=request[CLAIMS].user_id)

    verifier = FakeVerifier()
    app = web.Application(middlewares=[protect(verifier)])
    app.router.add_get("/", hello)
    async with TestClient(TestServer(app)) as guarded:
        answer = await guarded.get("/", headers={"Authorization": f"Bearer {verifier.token('ada')}"})
        assert (answer.status, await answer.text()) == (200, "ada")
        assert (await guarded.get("/")).status == 401


def test_what_the_page_says_of_the_fake_is_so() -> None:
    page = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    [block] = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "FakeVerifier" in text]
    [expires] = re.findall(r"`verifier\.advance\((\d+)\)` lets tokens expire", block)
    [stale] = re.findall(r"StaleError once `verifier\.advance\((\d+)\)` has passed", block)
    said: dict[str, Any] = {}
    exec(block, said)  # noqa: S102 - a page of ours
    assert refuses(said["verifier"], said["token"])
    verifier = FakeVerifier()
    token = verifier.token()
    verifier.advance(int(expires))
    assert refuses(verifier, token)
    verifier.is_reachable = False
    verifier.advance(int(stale))
    with pytest.raises(StaleError):
        verifier.verify(verifier.token())


async def test_the_application_of_the_page_can_be_run() -> None:
    page = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    [block] = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "make_app" in text]
    ran: list[web.Application] = []

    def run_app(making: Coroutine[Any, Any, web.Application], **_: object) -> None:
        ran.append(asyncio.run(making))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(web, "run_app", run_app)
        await asyncio.to_thread(exec, block, {"__name__": "__main__"})
    assert [route.resource.canonical for app in ran for route in app.router.routes() if route.resource] == ["/", "/"]
