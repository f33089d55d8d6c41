"""A new password by the page."""

import pytest

from tests.pages.conftest import MakeTown
from tests.support.account_pages import enrol, is_signed_in
from tests.support.pages import Town

PATH = "/account/password"
NEW = "Another-Pass2!"


async def test_the_password_is_changed_and_signs_in(town: Town) -> None:
    person = await town.member()
    page = await town.browser.get(PATH)
    done = await town.browser.submit(page, PATH, password=person["password"], newPassword=NEW)
    assert done.goes_to == f"{PATH}?done=1"
    assert "changed" in (await town.browser.follow(done)).status_words
    assert (await town.another().sign_in(person)).status == 401
    assert (await town.another().sign_in(person | {"password": NEW})).goes_to == "/account"


async def test_this_browser_has_a_new_session_and_every_other_one_is_over(town: Town) -> None:
    person = await town.member()
    stolen, elsewhere = town.browser.copy(), town.another()
    await elsewhere.sign_in(person)
    tokens = await town.fakes.client.log_in(person)
    done = await town.browser.post(PATH, {"password": person["password"], "newPassword": NEW})
    assert done.cookies["tokenhouse"].value not in ("", stolen.session)
    assert await is_signed_in(town.browser)
    assert not await is_signed_in(stolen)
    assert not await is_signed_in(elsewhere)
    assert (await town.fakes.client.me(tokens)).status == 401


@pytest.mark.parametrize(
    ("sent", "status", "field", "words"),
    [
        (("WrongPass1!", NEW), 401, "password", "The password is wrong."),
        (("", NEW), 422, "password", "Fill this in."),
        (("SecurePass1!", ""), 422, "newPassword", "Fill this in."),
        (("SecurePass1!", "short"), 422, "newPassword", ""),
    ],
)
async def test_a_refusal_stands_beside_its_field(
    town: Town, sent: tuple[str, str], status: int, field: str, words: str
) -> None:
    current, new = sent
    await town.member()
    refused = await town.browser.post(PATH, {"password": current, "newPassword": new})
    assert refused.status == status
    assert list(refused.broken) == [field]
    assert words in refused.broken[field]
    assert refused.focused == [field]
    assert not new or new not in refused.text
    assert refused.cookies == {}
    assert await is_signed_in(town.browser)


async def test_an_account_with_a_second_factor_is_asked_for_a_code_at_once(town: Town) -> None:
    person = await town.member()
    assert "code" not in (await town.browser.get(PATH)).page.inputs
    app = await enrol(town, person)
    page = await town.browser.get(PATH)
    assert page.page.inputs["code"]["autocomplete"] == "one-time-code"
    fields = {"password": person["password"], "newPassword": NEW}
    without = await town.browser.post(PATH, fields)
    assert (without.status, without.focused) == (401, ["code"])
    assert without.broken == {"code": "Type a code of your app too."}
    wrong = await town.browser.post(PATH, fields | {"code": app.wrong_code(town.fakes.ambient.now())})
    assert (wrong.status, wrong.broken) == (401, {"code": "The code is wrong, or was used before."})
    code = app.code(town.fakes.ambient.now())
    assert (await town.browser.post(PATH, fields | {"code": f" {code[:3]} {code[3:]} "})).status == 303


async def test_a_recovery_code_stands_for_a_code(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    fields = {"password": person["password"], "newPassword": NEW, "code": app.recovery_codes[0].lower()}
    assert (await town.browser.post(PATH, fields)).status == 303


async def test_a_common_password_is_refused_where_the_settings_say_so(make_town: MakeTown) -> None:
    town = await make_town(passwords={"refuse_common": True})
    person = await town.member()
    refused = await town.browser.post(PATH, {"password": person["password"], "newPassword": "Password1!"})
    assert (refused.status, list(refused.broken)) == (422, ["newPassword"])


async def test_wrong_passwords_count_as_failed_sign_ins(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "login_account_source": "3/1h", "login_known_source": "3/1h"})
    person = await town.member()
    wrong = {"password": "WrongPass1!", "newPassword": NEW}
    assert [(await town.browser.post(PATH, wrong)).status for _ in range(4)] == [401, 401, 401, 429]
    limited = await town.browser.post(PATH, {"password": person["password"], "newPassword": NEW})
    assert int(limited.headers["Retry-After"]) > 0
    assert "Too many attempts." in limited.refusal
