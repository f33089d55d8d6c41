"""Passkeys by the pages: what their script sends, and what it gets."""

import json

import pytest

from tests.pages.conftest import MakeTown
from tests.support.account_pages import (
    FACTORS,
    begin_passkey,
    codes_of,
    enrol,
    enrol_passkey,
    is_signed_in,
    make_passkey,
    prove,
)
from tests.support.authenticators import SETTINGS, Authenticator
from tests.support.pages import Town

NEW, ONE = f"{FACTORS}/passkeys/new", f"{FACTORS}/passkey"


@pytest.fixture
async def town(make_town: MakeTown) -> Town:
    return await make_town(passkeys=SETTINGS)


async def test_a_passkey_is_added_and_signs_in_by_itself(town: Town) -> None:
    person = await town.member()
    stolen = town.browser.copy()
    device, added = await enrol_passkey(town.browser, person, name="My <phone>")
    assert (added.status, len(codes_of(added))) == (200, 10)
    assert "My <phone>" in (await town.browser.get(FACTORS)).main
    assert await is_signed_in(town.browser)
    assert not await is_signed_in(stolen)
    elsewhere = town.another()
    page = await elsewhere.get("/sign-in?next=/account/factors")
    credential = await prove(elsewhere, device)
    assert (await elsewhere.submit(page, "/sign-in/passkey", credential=credential)).goes_to == "/account/factors"
    assert await is_signed_in(elsewhere)


async def test_the_second_factor_that_comes_later_shows_no_recovery_codes(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    begun = await begin_passkey(town.browser, person, code=app.code(town.fakes.ambient.now()))
    added = await make_passkey(town.browser, begun, Authenticator())
    assert added.goes_to == FACTORS
    assert "10 left." in (await town.browser.follow(added)).main


async def test_a_passkey_stands_for_a_code_at_the_sign_in_and_after(town: Town) -> None:
    person = await town.member()
    device, _ = await enrol_passkey(town.browser, person)
    elsewhere = town.another()
    step = await elsewhere.follow(await elsewhere.sign_in(person))
    done = await elsewhere.submit(step, "/sign-in/code", credential=await prove(elsewhere, device))
    assert done.goes_to == "/account"
    page = await elsewhere.get("/account/close")
    assert "data-passkey" in page.text
    closed = await elsewhere.submit(
        page, "/account/close", password=person["password"], credential=await prove(elsewhere, device)
    )
    assert closed.goes_to == "/sign-in?closed=1"


@pytest.mark.parametrize("credential", ["", "junk", "[]", "{}", '{"a": 1, "a": 2}', '{"id": 5}', "[" * 5000])
async def test_what_is_no_credential_is_a_passkey_that_is_not_accepted(town: Town, credential: str) -> None:
    person = await town.member()
    begun = await begin_passkey(town.browser, person)
    stranger = town.another()
    for browser, path, more in (
        (town.browser, f"{NEW}/add", begun.form(f"{NEW}/add").fields),
        (stranger, "/sign-in/passkey", {}),
    ):
        refused = await browser.post(path, more | {"credential": credential})
        assert (refused.status, refused.refusal) == (401, "The passkey was not accepted. Try again, or do without it.")
    assert not stranger.cookies
    assert "never used" not in (await town.browser.get(FACTORS)).main


async def test_an_answer_is_good_once(town: Town) -> None:
    device, _ = await enrol_passkey(town.browser, await town.member())
    stranger = town.another()
    credential = await prove(stranger, device)
    assert (await stranger.post("/sign-in/passkey", {"credential": credential})).status == 303
    assert (await town.another().post("/sign-in/passkey", {"credential": credential})).status == 401


async def test_a_wrong_answer_for_a_code_is_refused_beside_the_code(town: Town) -> None:
    person = await town.member()
    await enrol_passkey(town.browser, person)
    for credential in ("junk", await prove(town.browser, Authenticator())):
        fields = {"password": person["password"], "credential": credential}
        refused = await town.browser.post("/account/close", fields)
        assert (refused.status, list(refused.broken)) == (401, ["code"])
        assert refused.page.inputs["credential"].get("value", "") == ""
    assert await is_signed_in(town.browser)


async def test_the_password_comes_first_and_the_name_is_needed(town: Town) -> None:
    person = await town.member()
    wrong = await begin_passkey(town.browser, {"password": "WrongPass1!"})
    assert (wrong.status, list(wrong.broken)) == (401, ["password"])
    assert wrong.page.inputs["name"]["value"] == "My phone"
    nameless = await begin_passkey(town.browser, person, name=" ")
    assert (nameless.status, list(nameless.broken)) == (422, ["name"])
    await enrol_passkey(town.browser, person)
    assert (await begin_passkey(town.browser, person)).focused == ["code"]


async def test_a_passkey_is_renamed_and_removed(town: Town) -> None:
    person = await town.member()
    _, added = await enrol_passkey(town.browser, person)
    stolen = town.browser.copy()
    (link,) = [href for text, href in (await town.browser.get(FACTORS)).page.links.items() if text.startswith("Rename")]
    page = await town.browser.get(link)
    rename, remove = (form.action for form in page.page.forms if form.action.startswith(ONE))
    renamed = await town.browser.submit(page, rename, name="Old <phone>")
    assert "Old <phone>" in (await town.browser.follow(renamed)).main
    bad = await town.browser.submit(page, rename, name="")
    assert (bad.status, list(bad.broken)) == (422, ["name"])
    fields = {"password": person["password"]}
    assert (await town.browser.submit(page, remove, **fields)).focused == ["code"]
    removed = await town.browser.submit(page, remove, **fields, code=codes_of(added)[0])
    assert removed.goes_to == FACTORS
    assert "Old" not in (await town.browser.follow(removed)).main
    assert not await is_signed_in(stolen)
    assert (await town.another().sign_in(person)).goes_to == "/account"


async def test_a_passkey_of_somebody_else_is_none(town: Town) -> None:
    person = await town.member()
    device, _ = await enrol_passkey(town.browser, person)
    (link,) = [href for text, href in (await town.browser.get(FACTORS)).page.links.items() if text.startswith("Rename")]
    stranger, other = town.another(), await town.fakes.client.sign_up()
    await stranger.sign_in(other)
    query = link.partition("?")[2]
    assert (await stranger.get(link)).status == 404
    for path, fields in (("rename", {"name": "x"}), ("remove", {"password": other["password"]})):
        assert (await stranger.post(f"{ONE}/{path}?{query}", fields)).status == 404
    assert "My phone" in (await town.browser.get(FACTORS)).main
    assert (await town.another().post("/sign-in/passkey", {"credential": await prove(stranger, device)})).status == 303


async def test_options_are_json_for_our_own_pages_alone(town: Town) -> None:
    stranger = town.another()
    options = await stranger.post("/sign-in/passkey-options")
    assert options.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(options.text)["rpId"] == "localhost"
    from_another_port = await stranger.send("POST", "/sign-in/passkey-options", {"Sec-Fetch-Site": "same-site"}, {})
    assert from_another_port.status == 403


async def test_refused_options_have_words_for_the_script(make_town: MakeTown) -> None:
    town = await make_town(passkeys=SETTINGS, throttle={"exempt": [], "passkey_source": "1/1h"})
    await town.browser.post("/sign-in/passkey-options")
    refused = await town.browser.post("/sign-in/passkey-options")
    assert refused.status == 429
    assert json.loads(refused.text)["words"].startswith("Too many attempts.")
    assert int(refused.headers["Retry-After"]) > 0


async def test_without_a_domain_there_are_no_passkeys(make_town: MakeTown) -> None:
    town = await make_town()
    person = await town.member()
    for path in ("/sign-in/code", NEW, FACTORS, "/account/close"):
        assert "data-passkey" not in (await town.browser.get(path)).text
    assert "data-passkey" not in (await town.another().get("/sign-in")).text
    assert (await town.browser.post(NEW, {"name": "x", "password": person["password"]})).status == 501
    assert (await town.browser.post("/sign-in/passkey-options")).status == 501


async def test_buttons_are_hidden_until_the_script_shows_them(town: Town) -> None:
    page = (await town.another().get("/sign-in")).page
    (button,) = [one for _, one in page.elements if "data-passkey" in one]
    assert "hidden" in button
    assert button["data-passkey"] == "localhost"
    (script,) = [one for tag, one in page.elements if tag == "script"]
    answer = await town.fakes.client.get(script["src"])
    assert (answer.status, answer.content_type) == (200, "text/javascript")
    assert "parseRequestOptionsFromJSON" in await answer.text()
