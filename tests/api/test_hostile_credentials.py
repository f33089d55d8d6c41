"""Forged, malformed and misplaced credentials: always a refusal, never an accident."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.builders import part


def b64(data: bytes | dict[str, Any] | str) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def is_refused(client: Client, token: str) -> None:
    answer = await client.get("/auth/me", Authorization=f"Bearer {token}")
    text = await answer.text()
    assert (answer.status, problem(text)["code"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert len(token) < 20 or token not in text


@pytest.fixture
async def tokens(client: Client) -> dict[str, Any]:
    return await client.log_in(await client.sign_up())


@pytest.fixture
async def signed(fakes: OnFakes, tokens: dict[str, Any]) -> Any:
    """Signs claims with the service's own key, the header as given."""
    pair = fakes.application.keys.signing

    def sign(header: dict[str, Any] | None = None, **claims: Any) -> str:
        said = json.loads(part(tokens["idToken"], 1)) | claims
        said = {name: value for name, value in said.items() if value is not None}
        protected = {"typ": "JWT", "alg": "RS256", "kid": pair.kid} | (header or {})
        return jwt.encode(protected, said, pair.key, algorithms=["RS256"])

    return sign


async def test_a_token_of_our_own_making_is_accepted(client: Client, signed: Any) -> None:
    assert (await client.me({"idToken": signed()})).status == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["tokenhouse"]},
        {"aud": None},
        {"token_use": "access"},
        {"token_use": None},
        {"sub": None},
        {"sub": "not-a-uuid"},
        {"sub": 7},
        {"exp": None},
        {"exp": "never"},
        {"exp": 1795521600.5},
        {"exp": True},
        {"exp": 2**70},
        {"exp": 0},
        {"iat": None},
        {"iat": 1795525300},
        {"jti": None},
        {"jti": "short"},
        {"jti": "x" * 44},
        {"jti": "th:epoch th:epoch th:epoch"},
        {"origin_jti": None},
        {"origin_jti": ["x"]},
        {"email": None},
    ],
)
async def test_a_signed_token_with_wrong_claims_is_refused(client: Client, signed: Any, claims: dict[str, Any]) -> None:
    await is_refused(client, signed(**claims))


@pytest.mark.parametrize("header", [{"kid": "other"}, {"kid": None}, {"kid": ["x"]}, {"typ": "at+jwt"}, {"typ": "JWE"}])
async def test_a_header_that_is_not_ours_is_refused(
    client: Client, tokens: dict[str, Any], header: dict[str, Any]
) -> None:
    said = {
        name: value for name, value in (json.loads(part(tokens["idToken"], 0)) | header).items() if value is not None
    }
    await is_refused(client, b64(said) + tokens["idToken"][tokens["idToken"].index(".") :])


async def test_no_algorithm_but_the_key_s_own_is_accepted(fakes: OnFakes, tokens: dict[str, Any]) -> None:
    pair = fakes.application.keys.signing
    claims = json.loads(part(tokens["idToken"], 1))
    body = b64(claims)
    for alg in ("none", "None", "NONE", "nOnE", ""):
        await is_refused(fakes.client, f"{b64({'alg': alg, 'kid': pair.kid})}.{body}.")
        await is_refused(fakes.client, f"{b64({'alg': alg, 'kid': pair.kid})}.{body}.AAAA")
    assert isinstance(pair.key, RSAKey)
    public = pair.key.as_pem(private=False)
    for secret in (public, fakes.application.keys.jwks, b"\0" * 32):
        signed = f"{b64({'alg': 'HS256', 'kid': pair.kid})}.{body}"
        await is_refused(fakes.client, f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}")
    for alg in ("RS384", "PS256"):
        await is_refused(fakes.client, jwt.encode({"alg": alg, "kid": pair.kid}, claims, pair.key, algorithms=[alg]))


async def test_a_key_that_the_token_brings_along_is_never_used(fakes: OnFakes, tokens: dict[str, Any]) -> None:
    mine = RSAKey.generate_key(2048, private=True)
    kid = fakes.application.keys.signing.kid
    claims = json.loads(part(tokens["idToken"], 1))
    for extra in ({"jwk": mine.as_dict(private=False)}, {"jku": "http://127.0.0.1:9/"}, {"x5u": "http://127.0.0.1:9/"}):
        await is_refused(
            fakes.client, jwt.encode({"alg": "RS256", "kid": kid, **extra}, claims, mine, algorithms=["RS256"])
        )


async def test_no_bit_of_a_token_can_be_changed(client: Client, tokens: dict[str, Any]) -> None:
    good = tokens["idToken"]
    head, body, signature = good.split(".")
    claims = json.loads(part(good, 1))
    for changed in (
        good[:-1],
        good + "A",
        good + "=",
        good + ".",
        "." + good,
        f"{head}.{body}.",
        f"{head}..{signature}",
        f"{head}.{body}",
        f"{head}.{b64(claims | {'sub': '00000000-0000-4000-8000-000000000000'})}.{signature}",
        f"{head}.{body}=.{signature}",
        f"{head}.{body}.{signature}.{signature}",
        good.replace(".", " ."),
        good.swapcase(),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        f"{head}.{body}.{signature[::-1]}",
    ):
        await is_refused(client, changed)
    assert (await client.me(tokens)).status == 200


@pytest.mark.parametrize(
    "token",
    [
        b64(b'"alg"') + ".e30.AAAA",
        b64(b"[]") + ".e30.AAAA",
        b64(b"{") + ".e30.AAAA",
        b64(b"null") + ".e30.AAAA",
        b64({"alg": 7}) + ".e30.AAAA",
        b64({"alg": "RS256", "crit": ["exp"]}) + ".e30.AAAA",
        "a.b.c",
        "...",
        "x" * 5000,
        ".".join(["x" * 1500] * 3),
        "a.b.c.d.e",
        b64({"alg": "dir", "enc": "A128GCM"}) + "..AAAA.AAAA.AAAA",
        "null",
        "undefined",
        b64({"alg": "RS256", "b64": False, "crit": ["b64"]}) + ".e30.AAAA",
    ],
)
async def test_what_is_no_token_is_refused(client: Client, token: str) -> None:
    await is_refused(client, token)


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic QWxhZGRpbjpvcGVu", "Token abc", "Bearer a b", "Bearer a,Bearer b"]
)
async def test_another_scheme_is_no_credential_of_ours(client: Client, value: str) -> None:
    answer = await client.get("/auth/me", Authorization=value)
    assert (answer.status, problem(await answer.text())["code"]) == (401, "invalid_token")


async def test_no_credential_at_all_is_asked_for_one(client: Client) -> None:
    answer = await client.get("/auth/me")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_two_credentials_are_refused_whatever_they_are(client: Client, tokens: dict[str, Any]) -> None:
    token, key = ("Authorization", f"Bearer {tokens['idToken']}"), ("x-api-key", tokens["apiKey"])
    for headers in ([token, token], [key, key], [token, key]):
        answer = await client.http.get("/auth/me", headers=headers)
        assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")


async def test_a_credential_in_the_url_is_not_looked_at(client: Client, tokens: dict[str, Any]) -> None:
    answer = await client.get(f"/auth/me?access_token={tokens['idToken']}&apiKey={tokens['apiKey']}")
    assert answer.status == 401


async def test_the_scheme_is_a_word_in_any_case(client: Client, tokens: dict[str, Any]) -> None:
    assert (await client.get("/auth/me", Authorization=f"bEARER  {tokens['idToken']}")).status == 200


async def test_a_token_of_another_service_is_refused(on_fakes: MakeOnFakes, client: Client) -> None:
    other = await on_fakes(tokens={"issuer": "https://other.example"})
    theirs = await other.client.log_in(await other.client.sign_up())
    assert (await client.get("/auth/me", **bearer(theirs))).status == 401
