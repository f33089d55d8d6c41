"""Query parameters: judged as strictly as bodies, so that a misspelt option never does less than was asked for."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from service.api.operation import Access, Operation
from service.api.routes import OPERATIONS
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.paths import plain_path
from tests.support.resource_servers import KNOWN, basic

CHANGING = [one for one in OPERATIONS if one.method != "GET"]
GUARDED = [one for one in CHANGING if one.access not in (Access.OPEN, Access.OPTIONAL)]
PATH = "/auth/sessions"


def name_of(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


async def ask(client: Client, query: str, tokens: dict[str, Any]) -> tuple[int, str]:
    """The status of an ending of sessions, and the code of its refusal."""
    async with client.http.delete(f"{PATH}?{query}", headers=bearer(tokens)) as answer:
        return answer.status, problem(await answer.text())["code"] if answer.status != 204 else ""


async def two_sessions(client: Client) -> list[dict[str, Any]]:
    person = await client.sign_up()
    return [await client.log_in(person), await client.log_in(person)]


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", "yes", "Yes", "YES", "on", "On", "%74rue"])
async def test_true_in_its_usual_spellings_ends_this_session_too(client: Client, word: str) -> None:
    held = await two_sessions(client)
    assert await ask(client, f"everywhere={word}", held[0]) == (204, "")
    assert [(await client.me(one)).status for one in held] == [401, 401]


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "0", "no", "off"])
async def test_false_in_its_usual_spellings_keeps_this_session(client: Client, word: str) -> None:
    held = await two_sessions(client)
    assert await ask(client, f"everywhere={word}", held[0]) == (204, "")
    assert [(await client.me(one)).status for one in held] == [200, 401]


@pytest.mark.parametrize(
    "query",
    [
        "everywhere=",
        "everywhere",
        "everywhere=true%20",
        "everywhere=+true",
        "everywhere=ja",
        "everywhere=2",
        "everywhere=null",
        "everywhere=t",
        "everywhere=%ff",
        "everywhere=true&everywhere=true",
        "everywhere=true&everywhere=false",
        "Everywhere=true",
        "everywere=true",
        "every_where=true",
        "all=true",
        "everywhere=true&reason=x",
        "everywhere=true;",
        "&everywhere=true",
        "everywhere[]=true",
        "x",
        "&".join(f"x{number}=1" for number in range(100)),
    ],
)
async def test_what_is_not_understood_is_refused_and_ends_nothing(client: Client, query: str) -> None:
    held = await two_sessions(client)
    assert await ask(client, query, held[0]) == (400, "malformed_request")
    assert [(await client.me(one)).status for one in held] == [200, 200]


async def test_a_refusal_says_where_the_parameters_stand_and_quotes_nothing(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    async with client.http.delete(f"{PATH}?everywhere=SECRETMARKER&SECRETMARKER=1", headers=bearer(tokens)) as answer:
        text = await answer.text()
    assert "openapi.json" in problem(text)["detail"]
    assert "SECRETMARKER" not in text


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(introspection=KNOWN)


async def credential(client: Client, access: Access) -> dict[str, str]:
    if access is Access.OPEN:
        return {}
    if access is Access.RESOURCE_SERVER:
        return {"Authorization": basic()}
    return bearer(await client.log_in(await client.sign_up()))


@pytest.mark.parametrize("operation", CHANGING, ids=name_of)
async def test_every_call_that_changes_something_refuses_a_parameter_that_it_does_not_know(
    fakes: OnFakes, operation: Operation
) -> None:
    headers = await credential(fakes.client, operation.access)
    path = plain_path(operation.path)
    for query in ("dry_run=true", "x"):
        async with fakes.client.http.request(operation.method, f"{path}?{query}", headers=headers) as answer:
            assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("operation", GUARDED, ids=name_of)
async def test_the_credential_is_judged_before_the_query(fakes: OnFakes, operation: Operation) -> None:
    path = plain_path(operation.path)
    async with fakes.client.http.request(operation.method, f"{path}?dry_run=true") as answer:
        assert answer.status == 401


async def test_a_call_that_only_reads_ignores_what_it_does_not_know(client: Client) -> None:
    person = await client.sign_up()
    for path in ("/auth/me?_=1", "/auth/me?x", "/auth/revocations?_=1", "/.well-known/jwks.json?%ff", "/healthz?a&a"):
        assert (await client.get(path, **bearer(await client.log_in(person)))).status == 200


@pytest.mark.parametrize("query", ["since=1.2&since=3.4", "since=%ff", "since"])
async def test_a_place_in_the_feed_that_is_not_well_formed_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/auth/revocations?{query}")
    assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")


async def test_the_document_names_every_parameter(client: Client) -> None:
    document = await (await client.get("/openapi.json")).json()
    validate(document)
    named = {
        (method, path, one["name"], one["required"], one["schema"]["type"])
        for path, item in document["paths"].items()
        for method, call in item.items()
        for one in call.get("parameters", [])
        if one["in"] == "query"
    }
    assert named == {
        ("delete", "/auth/sessions", "everywhere", False, "boolean"),
        ("get", "/auth/me", "include", False, "string"),
        ("get", "/auth/revocations", "since", False, "string"),
    }
    for method, path in (("delete", "/auth/sessions"), ("post", "/auth/login"), ("get", "/auth/revocations")):
        assert "400" in document["paths"][path][method]["responses"]
