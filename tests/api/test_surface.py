"""What every call has in common: paths, methods, headers, ids, documents."""

import asyncio
import json

import pytest
from openapi_spec_validator import validate

from service.api.operation import Access
from service.api.routes import OPERATIONS
from tests.conftest import Client, OnFakes, bearer, problem
from tests.support.paths import plain_path

GUARDED = [one for one in OPERATIONS if one.access not in (Access.OPEN, Access.OPTIONAL)]


@pytest.mark.parametrize(
    "path",
    ["/", "/auth", "//auth/login", "/auth/login/", "/auth//login", "/auth/Login", "/auth/login;x", "/x/../auth/login"],
)
async def test_paths_are_exact(client: Client, path: str) -> None:
    """Over a bare socket: HTTP clients tidy up paths before they send them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 404 ")
    assert problem(answer.partition("\r\n\r\n")[2])["code"] == "not_found"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "PROPFIND", "BREW"])
async def test_a_wrong_method_is_told_the_right_one(client: Client, method: str) -> None:
    answer = await client.http.request(method, "/auth/login")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    if method != "HEAD":
        assert problem(await answer.text())["code"] == "method_not_allowed"


@pytest.mark.parametrize("operation", GUARDED, ids=lambda one: f"{one.method} {one.path}")
async def test_a_guarded_route_refuses_strangers(client: Client, operation: object) -> None:
    assert isinstance(operation, type(GUARDED[0]))
    answer = await client.http.request(operation.method, plain_path(operation.path))
    code = "invalid_client" if operation.access is Access.RESOURCE_SERVER else "invalid_token"
    assert (answer.status, problem(await answer.text())["code"]) == (401, code)


async def test_every_answer_has_the_headers_that_protect_it(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    for answer in (
        await client.me(tokens),
        await client.get("/auth/me"),
        await client.get("/nowhere"),
        await client.get("/docs"),
        await client.post("/auth/login", {}),
        await client.get("/.well-known/jwks.json"),
        await client.get("/readyz"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Server" not in answer.headers


async def test_whatever_carries_a_secret_is_never_cached(client: Client) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    for answer in (
        await client.refresh(tokens),
        await client.me(tokens),
        await client.log_out(tokens),
        await client.get("/auth/me"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_verifiers_may_keep_the_keys_for_five_minutes(client: Client) -> None:
    answer = await client.get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = (await answer.json())["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}


@pytest.mark.parametrize("request_id", ["7", "abc-DEF_0.9", "x" * 64])
async def test_a_sane_request_id_comes_back(client: Client, request_id: str) -> None:
    answer = await client.get("/nowhere", **{"X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] == problem(await answer.text())["requestId"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "<script>", "\u00e9", "-"])
async def test_another_request_id_is_replaced(client: Client, request_id: str) -> None:
    answer = await client.get("/healthz", **{"X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] not in (request_id, "")


async def test_health_needs_nobody_and_readiness_asks_the_stores(fakes: OnFakes) -> None:
    assert await (await fakes.client.get("/healthz")).json() == {"status": "ok"}
    fakes.application.readiness.is_closing = True
    answer = await fakes.client.get("/readyz")
    assert answer.status == 503
    said = problem(await answer.text())
    assert (said["code"], answer.headers["Retry-After"]) == ("unavailable", "1")
    assert said["checks"] == {"postgres": "shutting down", "redis": "shutting down"}
    assert (await fakes.client.get("/healthz")).status == 200


async def test_the_openapi_document_is_valid_and_names_every_call(client: Client) -> None:
    document = await (await client.get("/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    named = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert named == {(one.method, one.path) for one in OPERATIONS}
    login = document["paths"]["/auth/login"]["post"]
    assert login["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Login")
    assert {"200", "400", "401", "413", "415", "422", "429", "503"} <= login["responses"].keys()
    assert document["paths"]["/auth/me"]["get"]["security"] == [{"idToken": []}, {"apiKey": []}]


async def test_the_docs_page_takes_every_file_from_here(client: Client) -> None:
    page = await (await client.get("/docs")).text()
    assert "http" not in page.replace("<!doctype html>", "")
    for file in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        answer = await client.get(f"/docs/{file}")
        assert answer.status == 200
        assert len(await answer.read()) > 100
    assert (await client.get("/docs/index.html")).status == 404
    assert (await client.get("/docs/..%2Fmain.py")).status == 404


async def test_the_files_of_the_docs_page_are_described_and_sent_whole_whatever_is_asked_of_them(
    client: Client,
) -> None:
    described = (await (await client.get("/openapi.json")).json())["paths"]["/docs/{file}"]["get"]["responses"]
    assert "404" in described
    assert (await client.get("/docs/0")).status == 404
    for file in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        whole = await (await client.get(f"/docs/{file}")).read()
        for headers in ({"Range": "bytes=99999999-"}, {"Range": "bytes=0-3"}, {"If-Match": '"another"'}):
            answer = await client.get(f"/docs/{file}", **headers)
            assert (answer.status, await answer.read()) == (200, whole)
            assert answer.content_type in described["200"]["content"]


async def test_a_defect_answers_with_the_request_id_alone(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    row = await fakes.users.by_email(person["email"])
    assert row
    damaged = bytes([*row.api_key_sealed[:-1], row.api_key_sealed[-1] ^ 1])
    fakes.users.rows[row.id] = type(row)(
        **{name: getattr(row, name) for name in row.__slots__} | {"api_key_sealed": damaged}
    )
    answer = await fakes.client.post("/auth/login", {"email": person["email"], "password": person["password"]})
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["requestId"]) == (500, "internal", answer.headers["X-Request-Id"])
    assert said.keys() == {"type", "title", "status", "detail", "code", "requestId"}
    assert (await fakes.client.get("/healthz")).status == 200


async def test_a_swapped_api_key_is_a_defect_and_never_another_user_s_key(fakes: OnFakes) -> None:
    ada, eve = await fakes.client.sign_up(), await fakes.client.sign_up()
    rows = [row for row in fakes.users.rows.values() if row.email in (ada["email"], eve["email"])]
    one, two = rows
    fields = {name: getattr(one, name) for name in one.__slots__}
    fakes.users.rows[one.id] = type(one)(**fields | {"api_key_sealed": two.api_key_sealed})
    answer = await fakes.client.post("/auth/login", {"email": one.email, "password": ada["password"]})
    assert answer.status == 500
    assert "ak_" not in await answer.text()


async def test_no_secret_is_ever_logged(fakes: OnFakes, capsys: pytest.CaptureFixture[str]) -> None:
    person = await fakes.client.sign_up(email="someone.private@example.com")
    tokens = await fakes.client.log_in(person)
    await fakes.client.me(tokens)
    await fakes.client.refresh(tokens)
    await fakes.client.post("/auth/login", {"email": person["email"], "password": "Wrong-Pass1!"})
    await fakes.client.get("/auth/me?token=in-the-query", **bearer(tokens))
    await fakes.client.log_out(tokens)
    printed = "".join(capsys.readouterr())
    assert "/auth/login" in printed
    secrets = [tokens[name] for name in ("idToken", "accessToken", "refreshToken", "apiKey")]
    for secret in (*secrets, person["password"], "Wrong-Pass1!", person["email"], "in-the-query"):
        assert secret not in printed
    assert json.dumps(person["email"])[1:-1] not in printed


async def test_a_path_is_answered_alike_with_and_without_a_query(client: Client) -> None:
    """A path alone is found without aiohttp's router."""
    for path, status in (("/healthz", 200), ("/auth/me", 401), ("/no-such-path", 404)):
        plain, asked = await client.get(path), await client.get(f"{path}?")
        assert plain.status == asked.status == status
        assert set(plain.headers) == set(asked.headers)
        assert plain.headers["Content-Type"] == asked.headers["Content-Type"]
