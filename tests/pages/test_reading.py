"""To look at a page changes nothing, and account pages are for those who are signed in. Generated from the table."""

import pytest

from service.pages.page import Page
from tests.support.page_recipes import ACCOUNT, OPEN, PAGES, path_of
from tests.support.pages import Town, everything


def of_page(one: Page) -> str:
    return one.path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("page", PAGES, ids=of_page)
async def test_a_look_changes_nothing(town: Town, page: Page, method: str) -> None:
    await town.member()
    town.browser.cookies["tokenhouse-challenge"] = "begun"
    town.fakes.ambient.advance(minutes=5)
    before = await everything(town.fakes)
    for query in ("", "?token=abc&email=a%40example.com&sent=1&done=1&next=/account&invitation=x&reset=1&over=1"):
        shown = await town.browser.send(method, path_of(page.path) + query, {})
        assert shown.status in (200, 303, 403, 404), shown.text
        assert "Set-Cookie" not in shown.headers
        assert method != "HEAD" or shown.text == ""
    assert await everything(town.fakes) == before


@pytest.mark.parametrize("page", ACCOUNT, ids=of_page)
@pytest.mark.parametrize("cookie", ["", "ps_nonsense", "rt_" + "a" * 67, "ps_" + "a" * 67, "%00", '"'])
async def test_whoever_is_not_signed_in_signs_in_first_and_comes_back(town: Town, page: Page, cookie: str) -> None:
    browser = town.another()
    if cookie:
        browser.cookies["tokenhouse"] = cookie
    path = path_of(page.path)
    shown = await browser.get(path)
    assert shown.goes_to == f"/sign-in?next={path}"
    form = (await browser.follow(shown)).form("/sign-in")
    assert form.fields["next"] == path
    person = await town.fakes.client.sign_up()
    signed_in = await browser.post("/sign-in", form.fields | {"email": person["email"], "password": person["password"]})
    assert signed_in.goes_to == path


@pytest.mark.parametrize("page", ACCOUNT, ids=of_page)
async def test_their_forms_do_nothing_either(town: Town, page: Page) -> None:
    await town.fakes.client.sign_up()
    before = await everything(town.fakes)
    for suffix in page.forms:
        assert (await town.another().post(path_of(page.path) + suffix, {"session": "x"})).goes_to == "/sign-in"
    assert await everything(town.fakes) == before


@pytest.mark.parametrize("page", OPEN, ids=of_page)
async def test_pages_for_anybody_are_shown_to_anybody(town: Town, page: Page) -> None:
    shown = await town.another().get(path_of(page.path))
    assert shown.status == 200 or shown.goes_to == "/sign-in"  # a second step without a first
