"""What is stored about an account as a file, and the end of the account."""

import json

import pytest

from tests.conftest import bearer
from tests.pages.conftest import MakeTown
from tests.support.account_pages import enrol, is_signed_in
from tests.support.pages import Town

EXPORT, CLOSE = "/account/export", "/account/close"


async def test_the_file_is_what_the_api_exports(town: Town) -> None:
    person = await town.member()
    tokens = await town.fakes.client.log_in(person)
    for _ in range(3):
        ended = await town.fakes.client.log_in(person)
        await town.fakes.client.log_out(ended)
    file = await town.browser.get(EXPORT, **{"Sec-Fetch-Site": "none"})
    assert file.status == 200
    assert file.headers["Content-Disposition"] == 'attachment; filename="account.json"'
    assert file.headers["Content-Type"] == "application/json; charset=utf-8"
    assert file.headers["Cache-Control"] == "no-store"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    mine = json.loads(file.text)
    other = await (await town.fakes.client.get("/auth/export", **bearer(tokens))).json()
    assert len(mine["endedSessions"]) == 3
    assert [one.pop("current") for one in mine["sessions"]] != [one.pop("current") for one in other["sessions"]]
    assert mine == other


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "same-origin, cross-site"])
async def test_other_sites_get_no_file(town: Town, site: str) -> None:
    person = await town.member()
    refused = await town.browser.get(EXPORT, **{"Sec-Fetch-Site": site})
    assert refused.status == 403
    assert person["email"] not in refused.text


async def test_the_file_of_our_own_pages_and_of_a_browser_that_says_nothing(town: Town) -> None:
    await town.member()
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {}):
        assert (await town.browser.get(EXPORT, **headers)).status == 200


async def test_who_is_not_signed_in_gets_no_file(town: Town) -> None:
    assert (await town.another().get(EXPORT)).goes_to == "/sign-in?next=/account/export"


async def test_exports_are_counted_as_those_by_the_api(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "export": "1/1h"})
    await town.member()
    asked_for_head = await town.browser.send("HEAD", EXPORT, {})
    assert (asked_for_head.status, asked_for_head.text) == (200, "")
    assert [(await town.browser.get(EXPORT)).status for _ in range(2)] == [200, 429]


async def test_the_account_is_closed_with_the_password(town: Town) -> None:
    person = await town.member()
    elsewhere = town.browser.copy()
    page = await town.browser.get(CLOSE)
    assert person["email"] in page.main
    for password in ("WrongPass1!", ""):
        refused = await town.browser.submit(page, CLOSE, password=password)
        assert list(refused.broken) == ["password"]
    assert await is_signed_in(town.browser)
    closed = await town.browser.submit(page, CLOSE, password=person["password"])
    assert closed.goes_to == "/sign-in?closed=1"
    assert town.browser.cookies == {}
    assert "closed" in (await town.browser.follow(closed)).status_words
    assert not await is_signed_in(elsewhere)
    assert (await town.another().sign_in(person)).status == 401


async def test_with_a_second_factor_it_needs_a_code_too(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    page = await town.browser.get(CLOSE)
    assert "code" in page.page.inputs
    assert (await town.browser.submit(page, CLOSE, password=person["password"])).focused == ["code"]
    assert await is_signed_in(town.browser)
    code = app.code(town.fakes.ambient.now())
    assert (await town.browser.submit(page, CLOSE, password=person["password"], code=code)).status == 303
