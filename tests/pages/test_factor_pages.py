"""The authenticator app and the recovery codes by the pages."""

import re

import pytest
import segno

from tests.pages.conftest import MakeTown
from tests.support.account_pages import FACTORS, TOTP, app_of, begin_totp, codes_of, enrol, is_signed_in
from tests.support.pages import Town, everything

CODES = f"{FACTORS}/recovery-codes"


async def test_the_page_shows_the_secret_and_its_qr_code_after_the_password(town: Town) -> None:
    person = await town.member()
    begun = await begin_totp(town.browser, person)
    assert (begun.status, begun.headers["Cache-Control"]) == (200, "no-store")
    app = app_of(begun)
    assert begun.page.tags["code"] == [" ".join(re.findall("....", app.secret))]
    assert f"secret={app.secret}" in app.uri
    (path,) = [one["d"] for tag, one in begun.page.elements if tag == "path" and "stroke" in one]
    assert f'd="{path}"' in segno.make_qr(app.uri, error="m").svg_inline(border=4, light="#fff")


async def test_the_qr_code_needs_no_style_and_has_a_light_ground_of_its_own(town: Town) -> None:
    begun = await begin_totp(town.browser, await town.member())
    attributes = [one for _, one in begun.page.elements]
    assert not [one for one in attributes if "style" in one]
    assert [one["fill"] for one in attributes if "fill" in one] == ["#fff"]
    assert [one["stroke"] for one in attributes if "stroke" in one] == ["#000"]
    (image,) = [one for one in attributes if one.get("role") == "img"]
    assert image["aria-label"]


async def test_nothing_is_on_before_a_code_of_the_app_is_sent(town: Town) -> None:
    person = await town.member()
    await begin_totp(town.browser, person)
    assert (await town.another().sign_in(person)).goes_to == "/account"
    assert "Set up an app" in (await town.browser.get(FACTORS)).main


async def test_the_code_turns_it_on_and_recovery_codes_are_shown_once(town: Town) -> None:
    person = await town.member()
    begun = await begin_totp(town.browser, person)
    app, confirm = app_of(begun), f"{TOTP}/confirm"
    code = app.code(town.fakes.ambient.now(), -1)
    done = await town.browser.submit(begun, confirm, code=f"{code[:3]} {code[3:]}")
    codes = codes_of(done)
    assert (done.status, len(set(codes))) == (200, 10)
    assert done.headers["Cache-Control"] == "no-store"
    listed = await town.browser.get(done.page.links["I have them: go on"])
    assert "10 left." in listed.main
    assert not [one for one in codes if one in listed.text]
    assert (await town.another().sign_in(person)).goes_to == "/sign-in/code?next=/account"
    for one in (app.code(town.fakes.ambient.now()), codes[3]):
        assert (await town.another().sign_in_with_code(person, one)).goes_to == "/account"


async def test_the_new_factor_ends_every_other_session_and_gives_this_browser_another(town: Town) -> None:
    person = await town.member()
    stolen, elsewhere = town.browser.copy(), town.another()
    await elsewhere.sign_in(person)
    await enrol(town, person)
    assert town.browser.session != stolen.session
    assert await is_signed_in(town.browser)
    assert not await is_signed_in(stolen)
    assert not await is_signed_in(elsewhere)


async def test_a_wrong_code_shows_the_same_secret_again(town: Town) -> None:
    person = await town.member()
    begun = await begin_totp(town.browser, person)
    app, confirm = app_of(begun), f"{TOTP}/confirm"
    for code, status in ((app.wrong_code(town.fakes.ambient.now()), 401), ("", 422)):
        refused = await town.browser.submit(begun, confirm, code=code)
        assert (refused.status, list(refused.broken)) == (status, ["code"])
        assert app_of(refused).uri == app.uri
        assert refused.page.tags["code"] == begun.page.tags["code"]
    done = await town.browser.submit(refused, confirm, code=app.code(town.fakes.ambient.now()))
    assert done.status == 200


@pytest.mark.parametrize(
    "uri", ["", "javascript:alert(1)", "otpauth://totp/x?secret=a", 'otpauth://totp/"><b>?secret=']
)
async def test_a_page_shows_no_secret_that_none_of_ours_can_have_held(town: Town, uri: str) -> None:
    person = await town.member()
    await begin_totp(town.browser, person)
    refused = await town.browser.post(f"{TOTP}/confirm", {"uri": uri, "code": "000000"})
    assert refused.status == 401
    assert not [tag for tag, _ in refused.page.elements if tag == "svg"]
    assert refused.page.inputs["uri"]["value"] == ""


async def test_the_secret_that_counts_is_not_the_one_of_the_form(town: Town) -> None:
    person = await town.member()
    begun = await begin_totp(town.browser, person)
    mine = app_of(begun)
    mine.uri = mine.uri.replace(mine.secret, "A" * 32)
    fields = {"uri": mine.uri, "code": mine.code(town.fakes.ambient.now())}
    assert (await town.browser.post(f"{TOTP}/confirm", fields)).status == 401


@pytest.mark.parametrize("password", ["WrongPass1!", ""])
async def test_without_the_password_no_secret_is_made(town: Town, password: str) -> None:
    await town.member()
    refused = await town.browser.post(TOTP, {"password": password})
    assert list(refused.broken) == ["password"]
    assert "otpauth" not in refused.text


async def test_an_app_that_there_is_cannot_be_begun_again(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    fields = {"password": person["password"], "code": app.code(town.fakes.ambient.now())}
    refused = await town.browser.post(TOTP, fields)
    assert (refused.status, refused.refusal) == (409, "The account has this factor already. Remove it first.")


async def test_the_app_is_removed_with_password_and_code(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    stolen = town.browser.copy()
    page = await town.browser.get(TOTP)
    remove = f"{TOTP}/remove"
    without = await town.browser.submit(page, remove, password=person["password"])
    assert (without.status, without.focused) == (401, ["code"])
    code = app.code(town.fakes.ambient.now())
    wrong = await town.browser.submit(page, remove, password="WrongPass1!", code=code)
    assert list(wrong.broken) == ["password"]
    done = await town.browser.submit(page, remove, password=person["password"], code=code)
    assert done.goes_to == FACTORS
    listed = await town.browser.follow(done)
    assert "Set up an app" in listed.main
    assert "left." not in listed.main
    assert not await is_signed_in(stolen)
    assert (await town.another().sign_in(person)).goes_to == "/account"


async def test_there_may_be_nothing_to_remove(town: Town) -> None:
    person = await town.member()
    for path in (f"{TOTP}/remove", CODES):
        refused = await town.browser.post(path, {"password": person["password"]})
        assert (refused.status, refused.refusal) == (404, "You have no such factor.")


async def test_recovery_codes_are_replaced_and_those_before_are_void(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    stolen = town.browser.copy()
    page = await town.browser.get(CODES)
    assert (await town.browser.submit(page, CODES, password=person["password"])).focused == ["code"]
    code = app.code(town.fakes.ambient.now())
    done = await town.browser.submit(page, CODES, password=person["password"], code=code)
    fresh = codes_of(done)
    assert len(set(fresh) - set(app.recovery_codes)) == 10
    assert not await is_signed_in(stolen)
    assert (await town.another().sign_in_with_code(person, app.recovery_codes[0])).status == 401
    assert (await town.another().sign_in_with_code(person, fresh[0])).goes_to == "/account"


async def test_a_code_is_good_once_here_too(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    fields = {"password": person["password"], "code": app.code(town.fakes.ambient.now())}
    assert (await town.browser.post(CODES, fields)).status == 200
    again = await town.browser.post(CODES, fields)
    assert (again.status, list(again.broken)) == (401, ["code"])


async def test_wrong_codes_count_as_failed_sign_ins(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "login_account_source": "3/1h", "login_known_source": "3/1h"})
    person = await town.member()
    begun = await begin_totp(town.browser, person)
    wrong = app_of(begun).wrong_code(town.fakes.ambient.now())
    statuses = [(await town.browser.submit(begun, f"{TOTP}/confirm", code=wrong)).status for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


async def test_looking_at_the_pages_changes_nothing_and_shows_no_secret(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    before = await everything(town.fakes)
    for path in (FACTORS, TOTP, CODES, f"{FACTORS}/passkeys/new"):
        shown = await town.browser.get(path)
        assert shown.status == 200
        assert not [one for one in (app.secret, *app.recovery_codes, "otpauth") if one in shown.text]
    assert await everything(town.fakes) == before
