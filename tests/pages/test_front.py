"""The front page, and what browsers and programs are told where there is nothing."""

import pytest

from tests.conftest import MakeOnFakes, problem
from tests.pages.conftest import MakeTown
from tests.support.page_recipes import FORMS, PAGES, path_of
from tests.support.pages import NAVIGATION, Browser, Town

AXIOS = "application/json, text/plain, */*"


async def test_leads_to_the_sign_in_and_the_documents(browser: Browser) -> None:
    shown = await browser.get("/")
    assert shown.status == 200
    assert {"/sign-in", "/sign-up", "/docs", "/readyz"} <= set(shown.page.links.values())
    assert "/dev/mails" not in shown.page.links.values()
    for path in set(shown.page.links.values()) - {"#content", "/readyz"}:
        assert (await browser.get(path)).status == 200, path


async def test_leads_to_the_account_of_who_is_signed_in(town: Town, browser: Browser) -> None:
    person = await town.member()
    shown = await browser.get("/")
    assert person["email"] in shown.main
    assert "/account" in shown.page.links.values()
    assert "/sign-in" not in shown.page.links.values()


async def test_cognito_s_calls_stay_at_the_same_path(make_town: MakeTown) -> None:
    town = await make_town(cognito={"enabled": True})
    assert (await town.browser.get("/")).heading
    answer = await town.fakes.client.http.post(
        "/", data=b"{}", headers={"X-Amz-Target": "AWSCognitoIdentityProviderService.Nothing"}
    )
    assert answer.content_type == "application/x-amz-json-1.1"
    wrong = await town.fakes.client.http.put("/")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/nothing", "/account/nothing", "/sign-in/", "/static", "/%00"])
async def test_a_browser_is_shown_a_page_where_there_is_nothing(town: Town, path: str, method: str) -> None:
    shown = await town.browser.send(method, path, NAVIGATION)
    assert (shown.status, shown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert shown.main.startswith("That did not work There is no page at this address.")


@pytest.mark.parametrize("accept", [AXIOS, "*/*", "", "application/json"])
async def test_a_program_is_told_what_the_api_says(town: Town, accept: str) -> None:
    answer = await town.fakes.client.get("/nothing", Accept=accept)
    assert (answer.status, problem(await answer.text())["code"]) == (404, "not_found")
    answer = await town.fakes.client.http.delete("/sign-in", headers={"Accept": accept})
    assert (answer.status, problem(await answer.text())["code"]) == (405, "method_not_allowed")


async def test_what_the_api_refuses_is_a_problem_document_for_browsers_too(town: Town) -> None:
    answer = await town.fakes.client.get("/auth/me", Accept="text/html")
    assert (answer.status, problem(await answer.text())["code"]) == (401, "invalid_token")


async def test_a_browser_is_told_of_a_wrong_method_and_of_the_right_ones(town: Town) -> None:
    shown = await town.browser.send("POST", "/account", NAVIGATION)
    assert (shown.status, shown.headers["Allow"]) == (405, "GET, HEAD")
    assert "cannot do that" in shown.main


@pytest.mark.parametrize("enabled", [True, False])
async def test_switched_off_every_path_is_unknown(on_fakes: MakeOnFakes, *, enabled: bool) -> None:
    client = (await on_fakes(pages={"enabled": enabled})).client
    paths = [("GET", path_of(one.path)) for one in PAGES] + [("POST", path_of(one.path)) for one in FORMS]
    for method, path in [*paths, ("GET", "/static/house.css")]:
        answer = await client.http.request(method, path, headers=NAVIGATION, allow_redirects=False)
        text = await answer.text()
        if not enabled:
            assert (answer.status, problem(text)["code"]) == (404, "not_found"), path
        elif "static" not in path:
            is_for_admins = path.startswith("/admin")  # to everybody else they are not there, either way
            assert answer.status != 404 or "{" in path or is_for_admins, path
