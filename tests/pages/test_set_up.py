"""The authenticator app that every account must have, set up at the sign-in."""

from typing import Any

import pytest

from tests.pages.conftest import MakeTown
from tests.support import builders
from tests.support.account_pages import codes_of, is_signed_in
from tests.support.pages import Browser, Shown, Town
from tests.support.second_factors import App

PATH, CONFIRM = "/sign-in/set-up", "/sign-in/set-up/confirm"


@pytest.fixture
async def town(make_town: MakeTown) -> Town:
    return await make_town(accounts={"second_factor": "required"})


async def arrive(town: Town, browser: Browser, following: str = "") -> tuple[dict[str, Any], Shown]:
    person = await town.fakes.client.sign_up()
    sent = await browser.sign_in(person, following)
    assert sent.goes_to == f"{PATH}?next={following or '/account'}"
    return person, await browser.follow(sent)


async def test_the_sign_in_leads_through_the_app_to_where_it_was_going(town: Town, browser: Browser) -> None:
    person, page = await arrive(town, browser, "/account/sessions")
    assert not browser.session
    begun = await browser.submit(page, PATH)
    assert begun.status == 200
    app = App(begun.form(CONFIRM).fields["uri"])
    done = await browser.submit(begun, CONFIRM, code=app.code(town.fakes.ambient.now(), -1))
    assert (done.status, done.headers["Cache-Control"]) == (200, "no-store")
    codes = codes_of(done)
    assert len(set(codes)) == 10
    assert [name for name in browser.cookies if "challenge" in name] == []
    assert done.page.links["I have them: go on"] == "/account/sessions"
    assert await is_signed_in(browser)
    for code in (app.code(town.fakes.ambient.now()), codes[0]):
        assert (await town.another().sign_in_with_code(person, code)).goes_to == "/account"


async def test_a_sign_up_leads_to_it_too(town: Town, browser: Browser) -> None:
    page = await browser.follow(await browser.sign_up(builders.sign_up_body()))
    assert not browser.session
    begun = await browser.submit(page, PATH)
    app = App(begun.form(CONFIRM).fields["uri"])
    done = await browser.submit(begun, CONFIRM, code=app.code(town.fakes.ambient.now()))
    assert done.page.links["I have them: go on"] == "/account"
    assert await is_signed_in(browser)


async def test_looking_at_the_page_shows_no_secret(town: Town, browser: Browser) -> None:
    _, page = await arrive(town, browser)
    assert "otpauth" not in page.text
    assert "svg" not in page.text


async def test_a_wrong_code_shows_the_same_secret_again_and_signs_nobody_in(town: Town, browser: Browser) -> None:
    _, page = await arrive(town, browser, "/account/factors")
    begun = await browser.submit(page, PATH)
    app = App(begun.form(CONFIRM).fields["uri"])
    refused = await browser.submit(begun, CONFIRM, code=app.wrong_code(town.fakes.ambient.now()))
    assert (refused.status, list(refused.broken)) == (401, ["code"])
    assert not browser.session
    assert refused.form(CONFIRM).fields == begun.form(CONFIRM).fields
    done = await browser.submit(refused, CONFIRM, code=app.code(town.fakes.ambient.now()))
    assert done.page.links["I have them: go on"] == "/account/factors"


async def test_after_too_many_wrong_codes_it_begins_again(town: Town, browser: Browser) -> None:
    _, page = await arrive(town, browser)
    begun = await browser.submit(page, PATH)
    app = App(begun.form(CONFIRM).fields["uri"])
    wrong = app.wrong_code(town.fakes.ambient.now())
    answers = [await browser.submit(begun, CONFIRM, code=wrong) for _ in range(5)]
    assert {one.status for one in answers} == {401}
    over = await browser.post(CONFIRM, {"code": app.code(town.fakes.ambient.now())})
    assert over.goes_to == "/sign-in?over=1"
    assert browser.cookies == {}
    assert "too long" in (await browser.follow(over)).status_words


async def test_when_it_took_too_long_it_begins_again(town: Town, browser: Browser) -> None:
    _, page = await arrive(town, browser)
    (challenge,) = await town.fakes.redis.keys("*challenge*")
    await town.fakes.redis.pexpire(challenge, 0)
    assert (await browser.submit(page, PATH)).goes_to == "/sign-in?over=1"


async def test_without_a_challenge_there_is_nothing_to_set_up(town: Town, browser: Browser) -> None:
    assert (await browser.get(PATH)).goes_to == "/sign-in"
    for path in (PATH, CONFIRM):
        assert (await browser.post(path, {"code": "000000"})).goes_to == "/sign-in"
    for path in (PATH, CONFIRM):
        browser.cookies = {"tokenhouse-challenge": "junk"}
        assert (await browser.post(path, {"code": "000000"})).goes_to == "/sign-in?over=1"


@pytest.mark.parametrize(("fields", "status"), [({}, 422), ({"code": "000000"}, 303)])
async def test_strangers_have_no_qr_code_drawn(town: Town, fields: dict[str, str], status: int) -> None:
    """It takes long enough that some tens of them a second would keep the instance busy."""
    browser = town.another()
    browser.cookies = {"tokenhouse-challenge": "junk"}
    answer = await browser.post(CONFIRM, {"uri": "otpauth://totp/x?secret=ABCDEFGHIJKLMNOP", **fields})
    assert (answer.status, "<svg" in answer.text) == (status, False)


async def test_a_missing_code_does_not_lose_the_secret(town: Town, browser: Browser) -> None:
    _, page = await arrive(town, browser)
    begun = await browser.submit(page, PATH)
    refused = await browser.submit(begun, CONFIRM)
    assert (refused.status, list(refused.broken)) == (422, ["code"])
    assert "<svg" not in refused.text
    assert refused.form(CONFIRM).fields == begun.form(CONFIRM).fields


async def test_a_challenge_of_a_factor_that_is_there_sets_up_none(make_town: MakeTown) -> None:
    """Otherwise who knows the password alone would replace the factor."""
    town = await make_town(accounts={"second_factor": "required"})
    person, page = await arrive(town, town.browser)
    begun = await town.browser.submit(page, PATH)
    app = App(begun.form(CONFIRM).fields["uri"])
    await town.browser.submit(begun, CONFIRM, code=app.code(town.fakes.ambient.now(), -1))
    thief = town.another()
    assert (await thief.sign_in(person)).goes_to.startswith("/sign-in/code")
    assert (await thief.post(PATH)).goes_to == "/sign-in?over=1"


@pytest.mark.parametrize("following", ["https://evil.example", "//evil.example", "/sign-in"])
async def test_it_leads_to_our_own_pages_alone(town: Town, browser: Browser, following: str) -> None:
    _, page = await arrive(town, browser)
    begun = await browser.submit(page, PATH, next=following)
    app = App(begun.form(CONFIRM).fields["uri"])
    done = await browser.submit(begun, CONFIRM, code=app.code(town.fakes.ambient.now(), -1), next=following)
    assert done.page.links["I have them: go on"] == "/account"
