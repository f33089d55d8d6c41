"""Sign-in and its second step."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.pages.conftest import MakeTown
from tests.support import second_factors as second
from tests.support.pages import Browser, Town, everything
from tests.support.second_factors import App


async def with_app(town: Town) -> tuple[dict[str, Any], App]:
    person = await town.fakes.client.sign_up()
    tokens = await town.fakes.client.log_in(person)
    return person, await second.enrol(town.fakes.client, person, tokens, town.fakes.ambient.now())


async def test_signs_in_and_leads_to_the_account(town: Town, browser: Browser) -> None:
    person = await town.fakes.client.sign_up()
    signed_in = await browser.sign_in(person)
    assert (signed_in.status, signed_in.goes_to) == (303, "/account")
    account = await browser.follow(signed_in)
    assert account.status == 200
    assert person["email"] in account.main


@pytest.mark.parametrize("password", ["WrongPass1!", "", "x" * 300])
async def test_a_refusal_is_the_form_again_without_the_password(town: Town, browser: Browser, password: str) -> None:
    person = await town.fakes.client.sign_up()
    refused = await browser.sign_in(person | {"password": password})
    assert refused.status == (401 if password else 422)
    assert refused.page.inputs["email"]["value"] == person["email"]
    assert refused.page.inputs["password"]["value"] == ""
    assert not password or password not in refused.text
    assert refused.heading == "Sign in"
    assert browser.cookies == {}


async def test_known_and_unknown_addresses_are_refused_alike(town: Town, browser: Browser) -> None:
    person = await town.fakes.client.sign_up()
    known = await browser.sign_in(person | {"password": "WrongPass1!"})
    unknown = await browser.sign_in({"email": "nobody@example.com", "password": "WrongPass1!"})
    assert known.text == unknown.text.replace("nobody@example.com", person["email"])
    assert (known.status, known.refusal) == (401, "The e-mail address or the password is wrong.")


async def test_missing_fields_have_their_words_beside_them_and_the_first_has_the_focus(browser: Browser) -> None:
    refused = await browser.submit(await browser.get("/sign-in"), "/sign-in")
    assert (refused.status, refused.refusal) == (422, "Some fields need another look.")
    assert refused.broken == {"email": "Fill this in.", "password": "Fill this in."}
    assert refused.focused == ["email"]
    assert refused.page.tags["title"] == ["Error: Sign in · Tokenhouse"]
    for name in refused.broken:
        assert refused.page.inputs[name]["aria-invalid"] == "true"
        assert refused.page.inputs[name]["aria-describedby"].split()[0] == f"{name}-error"


async def test_nothing_has_the_focus_where_nothing_was_refused(browser: Browser) -> None:
    assert (await browser.get("/sign-in")).focused == []


async def test_what_was_typed_stays_text(browser: Browser) -> None:
    typed = '"><script>alert(1)</script>'
    refused = await browser.post("/sign-in", {"email": typed, "password": "x", "next": typed})
    assert "<script>" not in refused.text
    assert refused.page.inputs["email"]["value"] == typed


async def test_a_new_sign_in_ends_the_session_that_was_open_in_this_browser(town: Town, browser: Browser) -> None:
    """Nor does it take over an id that somebody else knows."""
    first = await town.member()
    held = browser.copy()
    second_person = await town.fakes.client.sign_up()
    await browser.post("/sign-in", {"email": second_person["email"], "password": second_person["password"]})
    assert browser.session != held.session
    assert second_person["email"] in (await browser.get("/account")).main
    assert (await held.get("/account")).goes_to.startswith("/sign-in")
    assert first["email"] not in (await browser.get("/account")).main


async def test_whoever_is_signed_in_is_sent_on(town: Town, browser: Browser) -> None:
    await town.member()
    assert (await browser.get("/sign-in?next=/account/sessions")).goes_to == "/account/sessions"


async def test_the_second_step_asks_for_a_code_and_only_then_opens_a_session(town: Town, browser: Browser) -> None:
    person, app = await with_app(town)
    first = await browser.sign_in(person, "/account/sessions")
    assert first.goes_to.startswith("/sign-in/code")
    assert browser.session == ""
    assert set(browser.cookies) == {"tokenhouse-challenge"}
    step = await browser.follow(first)
    assert step.form("/sign-in/code").fields["next"] == "/account/sessions"
    now = town.fakes.ambient.now()
    wrong = await browser.submit(step, "/sign-in/code", code=app.wrong_code(now))
    assert (wrong.status, wrong.broken) == (401, {"code": "The code is wrong, or was used before."})
    assert (wrong.focused, wrong.page.inputs["code"]["value"]) == (["code"], "")
    assert browser.session == ""
    right = app.code(now)
    signed_in = await browser.submit(wrong, "/sign-in/code", code=f" {right[:3]} {right[3:]} ")
    assert signed_in.goes_to == "/account/sessions"
    assert browser.session
    assert set(browser.cookies) == {"tokenhouse"}


async def test_a_recovery_code_does_too_and_only_once(town: Town, browser: Browser) -> None:
    person, app = await with_app(town)
    code = app.recovery_codes[0]
    assert (await browser.sign_in_with_code(person, code)).goes_to == "/account"
    again = await town.another().sign_in_with_code(person, code)
    assert (again.status, again.broken) == (401, {"code": "The code is wrong, or was used before."})


async def test_a_code_that_was_used_is_refused(town: Town, browser: Browser) -> None:
    person, app = await with_app(town)
    code = app.code(town.fakes.ambient.now())
    assert (await browser.sign_in_with_code(person, code)).goes_to == "/account"
    assert (await town.another().sign_in_with_code(person, code)).status == 401


async def test_a_second_step_that_took_too_long_begins_again_and_says_why(town: Town, browser: Browser) -> None:
    person, app = await with_app(town)
    step = await browser.follow(await browser.sign_in(person))
    (key,) = await town.fakes.redis.keys("th:challenge:*")
    await town.fakes.redis.delete(key)
    over = await browser.submit(step, "/sign-in/code", code=app.code(town.fakes.ambient.now()))
    assert browser.cookies == {}
    assert "took too long" in (await browser.follow(over)).status_words


async def test_the_second_step_without_a_first_is_the_sign_in(browser: Browser) -> None:
    assert (await browser.get("/sign-in/code")).goes_to == "/sign-in"
    assert (await browser.post("/sign-in/code", {"code": "123456"})).goes_to == "/sign-in"


async def test_signing_out_ends_the_session_and_drops_the_cookie(town: Town, browser: Browser) -> None:
    await town.member()
    held = browser.copy()
    out = await browser.submit(await browser.get("/account"), "/account/sign-out")
    assert out.goes_to == "/sign-in?out=1"
    assert browser.cookies == {}
    assert (await held.get("/account")).goes_to.startswith("/sign-in")
    assert (await held.post("/account/names", {"firstName": "E", "lastName": "F"})).goes_to == "/sign-in"


async def test_a_disabled_account_is_signed_out_and_cannot_come_back(town: Town, browser: Browser) -> None:
    person = await town.member()
    users = town.fakes.users.rows
    users[UUID(person["userId"])] = replace(users[UUID(person["userId"])], disabled_at=town.fakes.ambient.now())
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")
    assert (await town.another().sign_in(person)).status == 401


async def test_a_deleted_account_is_signed_out(town: Town, browser: Browser) -> None:
    person = await town.member()
    del town.fakes.users.rows[UUID(person["userId"])]
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")


@pytest.mark.parametrize(
    ("fields", "content_type", "status"),
    [
        ("email=a%40b.example&email=c%40d.example&password=x", "application/x-www-form-urlencoded", 400),
        ("email=%FF&password=x", "application/x-www-form-urlencoded", 400),
        ("email=a%00b&password=x", "application/x-www-form-urlencoded", 400),
        ('{"email": "a@b.example"}', "application/json", 415),
        ("email=a", "text/plain", 415),
        ("email=a", "multipart/form-data; boundary=x", 415),
        ("email=" + "a" * 20_000, "application/x-www-form-urlencoded", 413),
        ("", "application/x-www-form-urlencoded", 422),
        ("&".join(f"n{number}=x" for number in range(40)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_form_that_no_page_of_ours_sends_is_refused_in_html(
    town: Town, fields: str, content_type: str, status: int
) -> None:
    await town.member()
    before = await everything(town.fakes)
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": content_type}
    answer = await town.fakes.client.http.post("/sign-in", data=fields.encode(), headers=headers)
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert await everything(town.fakes) == before


async def test_too_many_attempts_say_how_long_to_wait(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": []})
    person = {"email": "nobody@example.com", "password": "WrongPass1!"}
    for _ in range(30):
        refused = await town.browser.sign_in(person)
        if refused.status != 401:
            break
    assert refused.status == 429
    assert refused.refusal.startswith("Too many attempts. Try again in ")
    assert int(refused.headers["Retry-After"]) > 0
