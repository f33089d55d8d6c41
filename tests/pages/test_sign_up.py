"""Sign-up, which signs in."""

from typing import Any

import pytest

from tests.pages.conftest import MakeTown
from tests.support import builders
from tests.support.pages import Browser, Town
from tests.support.postbox import MAIL

PERSON: dict[str, Any] = {
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "password": builders.PASSWORD,
}


async def test_opens_an_account_and_a_session(town: Town, browser: Browser) -> None:
    done = await browser.sign_up(PERSON)
    assert done.goes_to == "/account"
    account = await browser.follow(done)
    assert PERSON["email"] in account.main
    assert account.page.inputs["firstName"]["value"] == "Ada"
    assert (await town.fakes.client.log_in(PERSON))["idToken"]


@pytest.mark.parametrize(
    ("fields", "focus"),
    [
        ({"email": "no address"}, "email"),
        ({"email": ""}, "email"),
        ({"firstName": ""}, "firstName"),
        ({"lastName": "   "}, "lastName"),
        ({"password": "short1"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "x" * 300}, "password"),
        ({"firstName": "", "password": "short1"}, "firstName"),
        ({"email": "", "firstName": "", "lastName": "", "password": ""}, "email"),
    ],
)
async def test_each_broken_field_has_its_words_and_the_first_of_the_page_the_focus(
    town: Town, browser: Browser, fields: dict[str, str], focus: str
) -> None:
    refused = await browser.sign_up(PERSON | fields)
    assert refused.status == 422
    assert set(refused.broken) == set(fields)
    assert all(words.endswith(".") for words in refused.broken.values())
    assert refused.focused == [focus]
    for name, value in (PERSON | fields).items():
        assert refused.page.inputs[name]["value"] == ("" if name == "password" else value)
    assert (PERSON | fields)["password"] == "" or (PERSON | fields)["password"] not in refused.text
    assert town.fakes.users.rows == {}
    assert browser.cookies == {}


async def test_a_taken_address_is_named_beside_its_field(town: Town, browser: Browser) -> None:
    await town.fakes.client.sign_up(email=PERSON["email"])
    refused = await browser.sign_up(PERSON)
    assert (refused.status, set(refused.broken), refused.focused) == (409, {"email"}, ["email"])
    assert PERSON["password"] not in refused.text


@pytest.mark.parametrize("mode", ["closed", "invited"])
async def test_a_sign_up_that_is_not_open_is_not_offered_and_refused(make_town: MakeTown, mode: str) -> None:
    town = await make_town(signup={"mode": mode})
    assert "/sign-up" not in (await town.browser.get("/sign-in")).page.links.values()
    refused = await town.browser.sign_up(PERSON)
    assert refused.status == 403
    assert refused.refusal
    assert town.fakes.users.rows == {}


async def test_an_invitation_of_a_link_travels_with_the_form(make_town: MakeTown) -> None:
    town = await make_town(signup={"mode": "invited"})
    shown = await town.browser.get("/sign-up?invitation=inv_abc")
    assert shown.form("/sign-up").fields["invitation"] == "inv_abc"
    refused = await town.browser.submit(shown, "/sign-up", **PERSON)
    assert refused.status == 403
    assert refused.form("/sign-up").fields["invitation"] == "inv_abc"


async def test_a_name_that_is_markup_stays_text(browser: Browser) -> None:
    typed = "<b>Ada</b>"
    shown = await browser.follow(await browser.sign_up(PERSON | {"firstName": typed}))
    if shown.status == 200:
        assert typed not in shown.text
    else:
        assert typed not in shown.text
        assert "firstName" in shown.broken


async def test_an_account_that_must_prove_its_address_first_is_told_so(make_town: MakeTown) -> None:
    town = await make_town(mail=MAIL | {"verification": "required"})
    done = await town.browser.sign_up(PERSON)
    assert done.goes_to.startswith("/verify")
    assert town.browser.cookies == {}
    assert "on its way" in (await town.browser.follow(done)).status_words
