"""After the sign-in a browser goes to a page of ours, whatever a link said."""

from urllib.parse import quote

import pytest

from tests.support.pages import Town

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/account\r\nSet-Cookie: a=b",
    "/%09/evil.example",
    "/%2F/evil.example",
    "https://evil.example",
    "https:evil.example",
    "HTTPS://evil.example/account",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "/account//evil.example",
    "/account/../sign-in",
    "/account/..%2fsign-in",
    "/account/@evil.example",
    "@evil.example",
    "/account.evil.example",
    "/accounts",
    "/account?x=//evil.example",
    "/account#x",
    "/account/",
    "/sign-in",
    "/auth/logout",
    "/account/\u0661",
    "/account\0",
    " /account",
    "",
    "/account/\ud83d\ude00",
]


@pytest.mark.parametrize("wanted", ELSEWHERE, ids=repr)
async def test_a_link_elsewhere_leads_to_the_account(town: Town, wanted: str) -> None:
    wanted = wanted.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    browser = town.another()
    form = (await browser.get(f"/sign-in?next={quote(wanted)}")).form("/sign-in")
    assert form.fields["next"] == "/account"
    person = await town.fakes.client.sign_up()
    fields = {"email": person["email"], "password": person["password"], "next": wanted}
    shown = await browser.post("/sign-in", fields)
    assert shown.goes_to == "/account" or (shown.status == 400 and "\0" in wanted)
    if shown.status == 303:  # who is signed in already is sent on by the same rule
        assert (await browser.get(f"/sign-in?next={quote(wanted)}")).goes_to == "/account"


@pytest.mark.parametrize("wanted", ["/account", "/account/sessions", "/admin", "/admin/users/3f-9"])
async def test_a_page_of_ours_is_come_back_to(town: Town, wanted: str) -> None:
    person = await town.fakes.client.sign_up()
    assert (await town.another().sign_in(person, wanted)).goes_to == wanted


async def test_a_refused_sign_in_still_knows_the_way(town: Town) -> None:
    person = await town.fakes.client.sign_up()
    refused = await town.browser.sign_in(person | {"password": "Wrong-Pass1!"}, "/account/sessions")
    assert refused.form("/sign-in").fields["next"] == "/account/sessions"
    assert (
        await town.browser.submit(refused, "/sign-in", email=person["email"], password=person["password"])
    ).goes_to == "/account/sessions"
