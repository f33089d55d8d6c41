"""Web pages of other origins: those on the list may call, and nobody else learns that there is a list."""

import pytest
from aiohttp import ClientResponse
from pydantic import ValidationError

from service.settings import ServerSettings
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer

APP = "https://app.example.com"
LOCAL = "http://localhost:5173"
STRANGERS = [
    "https://evil.example.com",
    "https://app.example.com.evil.example",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://APP.example.com",
    "null",
    "*",
    "",
    f"{APP},{LOCAL}",
    f"{APP} {LOCAL}",
]


@pytest.fixture
async def listed(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(server={"cors_origins": [APP, LOCAL]})


@pytest.fixture
def client(listed: OnFakes) -> Client:
    return listed.client


def allowed(answer: ClientResponse) -> str | None:
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return answer.headers.get("Access-Control-Allow-Origin")


async def ask_beforehand(client: Client, path: str, origin: str, method: str = "POST") -> ClientResponse:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return await client.http.options(path, headers=headers | {"Access-Control-Request-Headers": "authorization"})


@pytest.mark.parametrize("origin", [APP, LOCAL])
async def test_a_listed_page_may_call_and_read_what_it_needs(client: Client, origin: str) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    answer = await client.get("/auth/me", Origin=origin, **bearer(tokens))
    assert (answer.status, allowed(answer)) == (200, origin)
    assert answer.headers.getall("Vary") == ["Origin"]
    exposed = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"x-request-id", "retry-after", "ratelimit", "ratelimit-policy"}


@pytest.mark.parametrize("path", ["/auth/login", "/auth/me", "/auth/sessions/abc", "/.well-known/jwks.json"])
async def test_a_preflight_is_told_the_methods_of_the_path(client: Client, path: str) -> None:
    answer = await ask_beforehand(client, path, APP)
    assert (answer.status, allowed(answer), await answer.read()) == (204, APP, b"")
    wrong = await client.http.request("BREW", path)
    methods = {name.strip() for name in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert methods == {name.strip() for name in wrong.headers["Allow"].split(",")}
    headers = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert headers == {"authorization", "content-type", "x-api-key", "x-request-id"}
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("origin", STRANGERS)
async def test_an_unlisted_page_is_never_let_in(client: Client, origin: str) -> None:
    for answer in (
        await client.get("/healthz", Origin=origin),
        await client.get("/auth/me", Origin=origin),
        await ask_beforehand(client, "/auth/login", origin),
    ):
        assert allowed(answer) is None
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
        assert answer.headers.getall("Vary") == ["Origin"]
    assert answer.status == 405


async def test_two_origins_at_once_are_none(client: Client) -> None:
    answer = await client.http.get("/healthz", headers=[("Origin", APP), ("Origin", LOCAL)])
    assert allowed(answer) is None


async def test_errors_can_be_read_as_well(client: Client) -> None:
    for answer, status in (
        (await client.get("/auth/me", Origin=APP), 401),
        (await client.post("/auth/login", {}, Origin=APP), 422),
        (await client.get("/nowhere", Origin=APP), 404),
        (await client.http.put("/auth/login", headers={"Origin": APP}), 405),
        (await ask_beforehand(client, "/nowhere", APP), 404),
    ):
        assert (answer.status, allowed(answer)) == (status, APP)


async def test_options_that_are_no_preflight_are_a_wrong_method(client: Client) -> None:
    answer = await client.http.options("/auth/login", headers={"Origin": APP})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_without_a_list_nothing_speaks_of_origins(fakes: OnFakes) -> None:
    for answer in (
        await fakes.client.get("/healthz", Origin=APP),
        await ask_beforehand(fakes.client, "/auth/login", APP),
    ):
        assert not {"Vary", "Access-Control-Allow-Origin"} & set(answer.headers)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "https://*.example.com",
        "null",
        "example.com",
        f"{APP}/",
        f"{APP}/path",
        f"{APP}?x",
        "https://App.example.com",
        f"{APP}:443",
        "http://app.example.com:80",
        "https://u:p@example.com",
        "https://",
        " ",
    ],
)
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    with pytest.raises(ValidationError):
        ServerSettings(cors_origins=[origin])


def test_origins_may_be_written_in_one_line() -> None:
    listed = ServerSettings.model_validate({"cors_origins": f"{APP}, {LOCAL},http://[::1]:3000,capacitor://localhost"})
    assert listed.cors_origins == (APP, LOCAL, "http://[::1]:3000", "capacitor://localhost")
