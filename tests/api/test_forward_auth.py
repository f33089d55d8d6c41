"""The call that reverse proxies make before they let a request through."""

import pytest
from aiohttp import ClientResponse

from service.domain.credentials import emails
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem

IDENTITY = ("X-Auth-User-Id", "X-Auth-Email")


def identity(answer: ClientResponse) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in IDENTITY)


async def test_verify_names_the_user_by_id_token_and_by_api_key(client: Client) -> None:
    person = await client.sign_up(email="Ada@Example.com")
    tokens = await client.log_in(person)
    for credential in (bearer(tokens), {"x-api-key": person["apiKey"]}):
        answer = await client.get("/auth/verify", **credential)
        assert answer.status == 204
        assert identity(answer) == (person["userId"], "ada@example.com")
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.read() == b""
        assert "Content-Type" not in answer.headers


async def test_verify_answers_head_as_it_answers_get(client: Client) -> None:
    person = await client.sign_up()
    answer = await client.http.head("/auth/verify", headers=bearer(await client.log_in(person)))
    assert (answer.status, *identity(answer)) == (204, person["userId"], person["email"])
    assert (await client.http.head("/auth/verify")).status == 401


async def test_the_address_is_ascii_whatever_was_typed(client: Client) -> None:
    person = await client.sign_up(email="Ada@B\u00fccher.example")
    tokens = await client.log_in(person)
    assert tokens["email"] == "Ada@B\u00fccher.example"
    for credential in (bearer(tokens), {"x-api-key": person["apiKey"]}):
        answer = await client.get("/auth/verify", **credential)
        assert identity(answer) == (person["userId"], "ada@xn--bcher-kva.example")


@pytest.mark.parametrize(
    "typed", ["Ada@Example.COM", "a.d'a+x@A-B.c3.example", "o'Hara@XN--BCHER-KVA.example", "ada@\u0130stanbul.example"]
)
def test_the_canonical_form_is_the_same_with_and_without_the_short_cut(typed: str) -> None:
    assert emails.canonical_of_account(typed) == emails.canonical(typed)


async def test_a_refusal_names_nobody_even_when_the_request_does(client: Client) -> None:
    forged = dict.fromkeys(IDENTITY, "root")
    tokens = await client.log_in(await client.sign_up())
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"x-api-key": "ak_x"}, {"Authorization": "Basic cm9vdDo="}):
        answer = await client.get("/auth/verify", **headers, **forged)
        assert (answer.status, *identity(answer)) == (401, None, None)
        assert problem(await answer.text())["code"] == "invalid_token"
        sent = headers and not headers.get("Authorization", "").startswith("Basic")
        challenge = 'Bearer error="invalid_token"' if sent else "Bearer"
        assert answer.headers["WWW-Authenticate"] == challenge
    answer = await client.get("/auth/verify", **bearer({"idToken": tokens["accessToken"]}), **forged)
    assert (answer.status, *identity(answer)) == (401, None, None)


async def test_what_the_request_claims_about_itself_does_not_count(client: Client) -> None:
    person = await client.sign_up()
    answer = await client.get(
        "/auth/verify", **bearer(await client.log_in(person)), **dict.fromkeys(IDENTITY, "root@example.com")
    )
    assert identity(answer) == (person["userId"], person["email"])


async def test_two_credentials_at_once_are_no_credential(client: Client) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    answer = await client.get("/auth/verify", **bearer(tokens), **{"x-api-key": person["apiKey"]})
    assert problem(await answer.text())["code"] == "malformed_request"
    assert identity(answer) == (None, None)


async def test_the_gate_closes_with_the_session_and_the_account(fakes: OnFakes) -> None:
    client = fakes.client
    person = await client.sign_up()
    ended, open_ = await client.log_in(person), await client.log_in(person)
    await client.log_out(ended)
    assert (await client.get("/auth/verify", **bearer(ended))).status == 401
    assert (await client.get("/auth/verify", **bearer(open_))).status == 204
    await fakes.application.accounts.disable(person["email"])
    assert (await client.get("/auth/verify", **bearer(open_))).status == 401
    assert (await client.get("/auth/verify", **{"x-api-key": person["apiKey"]})).status == 401


async def test_a_source_that_guesses_api_keys_is_slowed_down(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "api_key_unknown": "2/1m"})
    person = await fakes.client.sign_up()
    statuses = [(await fakes.client.get("/auth/verify", **{"x-api-key": "ak_guess"})).status for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert (await fakes.client.get("/auth/verify", **{"x-api-key": person["apiKey"]})).status == 204


async def test_a_page_that_answers_get_answers_head_too(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/.well-known/jwks.json", "/openapi.json", "/docs"):
        got, head = await client.get(path), await client.http.head(path)
        assert (head.status, head.headers["Content-Type"]) == (got.status, got.headers["Content-Type"])
        assert await head.read() == b""
