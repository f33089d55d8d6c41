"""What a hostile token or feed can do to a verifier: nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.api.conftest import MakeVerifier
from tests.conftest import OnFakes
from tests.support.both_verifiers import verifier
from tests.support.fakes import FakeSigningKeys
from tests.support.resource_servers import claims
from tests.support.verifiers import ISSUER, SharedClock
from tokenhouse_verify import InvalidTokenError, StaleError

ALIEN = RSAKey.generate_key(2048)


async def signed_in(fakes: OnFakes) -> dict[str, Any]:
    return await fakes.client.log_in(await fakes.client.sign_up())


async def test_hostile_tokens_are_refused(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens = await signed_in(fakes)
    good = claims(tokens["idToken"])
    kid = fakes.application.tokens.key_id
    key = fakes.application.keys.signing.key

    def signed(said: dict[str, Any], **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": kid, "typ": "JWT"} | header, said, key)

    hmac_key = OctKey.import_key(b"x" * 32)
    text = tokens["idToken"]
    unsigned = text.rpartition(".")[0] + "."
    hostile = [
        "",
        "x",
        "a.b.c",
        text + "A",
        text[:-8] + "AAAAAAAA",
        text + "." + text,
        " " + text,
        "\u00e9" * 50,
        "\udcff",
        unsigned,
        "A" * 5000,
        jwt.encode({"alg": "RS256", "kid": kid, "typ": "JWT"}, good, ALIEN),
        signed(good, typ="at+jwt"),
        jwt.encode({"alg": "HS256", "kid": kid, "typ": "JWT"}, good, hmac_key),
        signed(good, kid="other"),
        *(
            signed(good | change)
            for change in (
                {"iss": "http://evil"},
                {"aud": "other"},
                {"aud": ["tokenhouse"]},
                {"token_use": "access"},
                {"exp": good["exp"] + 0.5},
                {"exp": True},
                {"iat": good["iat"] + 60},
                {"exp": good["iat"]},
                {"exp": good["iat"] + 10**6},
                {"origin_jti": "x"},
                {"jti": None},
                {"sub": 7},
                {"exp": str(good["exp"])},
            )
        ),
        *(
            signed({name: value for name, value in good.items() if name != gone})
            for gone in ("iss", "aud", "exp", "iat", "jti")
        ),
    ]
    async with verifier_of(fakes.client) as verifier:
        assert await verifier.verify(signed(good))
        for token in hostile:
            assert await verifier.refuses(token), token


async def evil(fakes: OnFakes, piece: Callable[[], str]) -> TestServer:
    """A service whose key set is the real one and whose feed is not."""

    async def jwks(_: web.Request) -> web.Response:
        return web.Response(body=fakes.application.keys.jwks, content_type="application/json")

    async def feed(_: web.Request) -> web.Response:
        return web.Response(text=piece())

    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", jwks)
    app.router.add_get("/auth/revocations", feed)
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.mark.parametrize(
    "change",
    [
        {"since": "77"},
        {"sessions": []},
        {"sessions": {"x": "y"}},
        {"keys": None},
        {"iat": None},
        {"exp": True},
        {"iat": -20, "exp": -6},
        {"iat": 60, "exp": 75},
        {"next": None},
        {"typ": "JWT"},
        {"alien": True},
        {"more": True},
    ],
    ids=str,
)
async def test_a_feed_that_is_not_to_be_believed_changes_nothing(
    fakes: OnFakes, clock: SharedClock, verifier_of: MakeVerifier, change: dict[str, Any]
) -> None:
    tokens = await signed_in(fakes)
    now = int(clock.now())
    said: dict[str, Any] = {
        "iss": ISSUER,
        "iat": now,
        "exp": now + 15,
        "since": "",
        "next": "5",
        "more": False,
        "sessions": {claims(tokens["idToken"])["origin_jti"]: now + 3600},
        "keys": {},
    }
    kid, key = fakes.application.tokens.key_id, fakes.application.keys.signing.key
    header = {"alg": "RS256", "kid": kid, "typ": change.get("typ", "revocations+jwt")}
    shifted = {
        name: now + value if name in ("iat", "exp") and type(value) is int else value for name, value in change.items()
    }
    piece = jwt.encode(header, said | shifted, ALIEN if change.get("alien") else key)
    server = await evil(fakes, lambda: piece)
    url = f"http://127.0.0.1:{server.port}"
    async with verifier_of(fakes.client, base_url=url) as verifier:
        with pytest.raises(InvalidTokenError):
            await verifier.refresh()
        with pytest.raises(StaleError):
            await verifier.verify(tokens["idToken"])
        piece = jwt.encode(header | {"typ": "revocations+jwt"}, said, key)
        await verifier.refresh()
        assert await verifier.refuses(tokens["idToken"])
    await server.close()


async def test_the_feed_of_another_issuer_ends_no_session(
    fakes: OnFakes, clock: SharedClock, verifier_of: MakeVerifier
) -> None:
    tokens = await signed_in(fakes)
    now = int(clock.now())
    said = {
        "iss": ISSUER,
        "iat": now,
        "exp": now + 15,
        "since": "",
        "next": "5",
        "more": False,
        "sessions": {},
        "keys": {},
    }
    ending = {"iss": "http://evil", "sessions": {claims(tokens["idToken"])["origin_jti"]: now + 3600}}
    header = {"alg": "RS256", "kid": fakes.application.tokens.key_id, "typ": "revocations+jwt"}
    key = fakes.application.keys.signing.key
    pieces = [jwt.encode(header, said, key), jwt.encode(header, said | ending, key)]
    server = await evil(fakes, lambda: pieces[0])
    async with verifier_of(fakes.client, base_url=f"http://127.0.0.1:{server.port}") as verifier:
        del pieces[0]
        with pytest.raises(InvalidTokenError):
            await verifier.refresh()
        assert await verifier.verify(tokens["idToken"])
    await server.close()


async def test_a_verifier_for_node_that_is_told_another_issuer_names_both_at_its_start(
    fakes: OnFakes, clock: SharedClock
) -> None:
    base_url = f"http://127.0.0.1:{fakes.client.port}"
    for told in (f"{ISSUER}/", "http://localhost:8080"):
        with pytest.raises(InvalidTokenError, match=f"issuer {re.escape(told)}, but .* signs as {re.escape(ISSUER)}:"):
            async with verifier("node", clock, issuer=told, base_url=base_url):
                pass


async def test_a_killed_key_signs_neither_tokens_nor_the_feed(fakes: OnFakes, verifier_of: MakeVerifier) -> None:
    tokens = await signed_in(fakes)
    keys = fakes.application.backends.signing_keys
    assert isinstance(keys, FakeSigningKeys)
    async with verifier_of(fakes.client) as verifier:
        await verifier.verify(tokens["idToken"])
        fakes.ambient.advance(seconds=1)
        keys.keys[0] = replace(keys.keys[0], killed_at=fakes.ambient.now())
        with pytest.raises(InvalidTokenError):
            await verifier.refresh()
        assert await verifier.refuses(tokens["idToken"])
