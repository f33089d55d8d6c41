"""Forms of other sites: refused before they are read. Every form of the table is tried, so none can be forgotten."""

import pytest

from tests.pages.conftest import MakeTown
from tests.support.page_recipes import FORMS, FormOf, path_of
from tests.support.pages import NAVIGATION, ORIGIN, Town, everything

FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another site that claims our origin": {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    "another port or subdomain": {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN.replace("8080", "8081")},
    "no site": {"Sec-Fetch-Site": "none", "Origin": ORIGIN},
    "an empty site": {"Sec-Fetch-Site": "", "Origin": ORIGIN},
    "an unknown site": {"Sec-Fetch-Site": "Same-Origin", "Origin": ORIGIN},
    "two sites": {"Sec-Fetch-Site": "same-origin, cross-site", "Origin": ORIGIN},
    "neither field": {},
    "another origin alone": {"Origin": "https://evil.example"},
    "another port alone": {"Origin": ORIGIN.replace("8080", "8081")},
    "another scheme alone": {"Origin": ORIGIN.replace("http:", "https:")},
    "an origin that begins as ours": {"Origin": f"{ORIGIN}.evil.example"},
    "an origin with a path": {"Origin": f"{ORIGIN}/"},
    "null": {"Origin": "null"},
    "an empty origin": {"Origin": ""},
    "two origins": {"Origin": f"{ORIGIN}, https://evil.example"},
    "a referrer of ours": {"Referer": f"{ORIGIN}/sign-in"},
}


def of_form(one: FormOf) -> str:
    return one.path


@pytest.mark.parametrize("form", FORMS, ids=of_form)
async def test_no_form_of_another_site_does_anything(town: Town, form: FormOf) -> None:
    await town.member()
    browser = town.browser
    browser.cookies["tokenhouse-challenge"] = "begun"
    before, cookies = await everything(town.fakes), dict(browser.cookies)
    for name, headers in FOREIGN.items():
        shown = await browser.send("POST", path_of(form.path), NAVIGATION | headers, form.fields)
        assert (shown.status, shown.heading) == (403, "That did not work"), name
        assert "another site" in shown.main, name
        assert "Set-Cookie" not in shown.headers, name
    assert await everything(town.fakes) == before
    assert browser.cookies == cookies


@pytest.mark.parametrize("form", FORMS, ids=of_form)
@pytest.mark.parametrize("own", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": ORIGIN}], ids=["site", "origin"])
async def test_a_form_of_ours_is_read(town: Town, form: FormOf, own: dict[str, str]) -> None:
    """An old browser sends an `Origin` alone; with the site said, a browser's `Origin` needs no look."""
    await town.member()
    shown = await town.browser.send("POST", path_of(form.path), NAVIGATION | own, form.fields)
    assert shown.status < 500
    assert "another site" not in shown.main


@pytest.mark.parametrize("name", ["Sec-Fetch-Site", "Origin"])
async def test_a_field_that_is_sent_twice_is_no_proof(town: Town, name: str) -> None:
    value = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}[name]
    answer = await town.fakes.client.http.post(
        "/sign-in", data={"email": "a@example.com"}, headers=[(name, value), (name, value)]
    )
    assert answer.status == 403


async def test_the_origin_is_that_of_the_public_address(make_town: MakeTown) -> None:
    """Whatever name the request was sent to."""
    town = await make_town(tokens={"issuer": "https://accounts.example.com:8443/auth"})
    person = await town.fakes.client.sign_up()
    fields = {"email": person["email"], "password": person["password"]}
    for origin, status in (
        ("https://accounts.example.com:8443", 303),
        ("https://accounts.example.com", 403),
        (f"http://127.0.0.1:{town.fakes.client.port}", 403),
    ):
        shown = await town.another().send("POST", "/sign-in", {"Origin": origin, "Host": "evil.example"}, fields)
        assert shown.status == status, origin
