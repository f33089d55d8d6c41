"""A browser's session is an ordinary one: listed, ended and refused like any other, and its cookie is good for nothing
else."""

from datetime import timedelta

import pytest

from service.stores.sessions import RedisSessions
from tests.conftest import Instances, bearer
from tests.pages.conftest import MakeTown
from tests.support.pages import Browser, Town, everything

MAKES = {"__Host-tokenhouse": "https://accounts.example.com", "tokenhouse": "http://127.0.0.1:8080"}


@pytest.mark.parametrize("name", MAKES)
async def test_the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(make_town: MakeTown, name: str) -> None:
    town = await make_town(tokens={"issuer": MAKES[name]})
    person = await town.fakes.client.sign_up()
    (cookie,) = [line for line in (await town.browser.sign_in(person)).cookies.values() if line["max-age"] != "0"]
    assert cookie.key == name
    assert cookie.value.startswith("ps_")
    assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax")
    assert cookie["httponly"] is True
    assert bool(cookie["secure"]) is name.startswith("__Host-")
    assert (cookie["max-age"], cookie["expires"]) == ("", "")  # gone with the browser
    assert (await town.browser.get("/account")).status == 200


async def test_by_https_a_cookie_without_the_prefix_is_nobody_s(make_town: MakeTown) -> None:
    """A sibling host can plant that one."""
    town = await make_town(tokens={"issuer": MAKES["__Host-tokenhouse"]})
    await town.member()
    planted = town.another()
    planted.cookies["tokenhouse"] = town.browser.session
    assert (await planted.get("/account")).goes_to.startswith("/sign-in")


async def test_dropped_cookies_name_the_same_place(make_town: MakeTown) -> None:
    """`__Host-` cookies are kept, and so replaced, only with `Secure` and `Path=/`."""
    town = await make_town(tokens={"issuer": MAKES["__Host-tokenhouse"]})
    await town.member()
    out = await town.browser.post("/account/sign-out")
    dropped = out.cookies["__Host-tokenhouse"]
    assert (dropped.value, dropped["max-age"], dropped["path"]) == ("", "0", "/")
    assert dropped["secure"]


async def test_a_stolen_cookie_is_no_credential_of_the_api(town: Town, browser: Browser) -> None:
    await town.member()
    client, token = town.fakes.client, browser.session
    renamed = token.replace("ps_", "rt_", 1)
    before = await everything(town.fakes)
    for one in (token, renamed):
        assert (await client.refresh({"refreshToken": one})).status == 401
        for headers in ({"Authorization": f"Bearer {one}"}, {"x-api-key": one}, {"Cookie": f"tokenhouse={token}"}):
            assert (await client.get("/auth/me", **headers)).status == 401
    assert await everything(town.fakes) == before
    assert (await browser.get("/account")).status == 200


async def test_a_refresh_token_is_no_cookie(town: Town) -> None:
    tokens = await town.fakes.client.log_in(await town.fakes.client.sign_up())
    token = tokens["refreshToken"]
    for value in (token, token.replace("rt_", "ps_", 1), tokens["idToken"], tokens["accessToken"]):
        browser = town.another()
        browser.cookies["tokenhouse"] = value
        assert (await browser.get("/account")).goes_to.startswith("/sign-in")
    assert (await town.fakes.client.refresh(tokens)).status == 200


async def test_both_kinds_are_listed_on_the_page_and_by_the_api(town: Town, browser: Browser) -> None:
    person = await town.member()
    tokens = await town.fakes.client.log_in(person)
    listed = await (await town.fakes.client.get("/auth/sessions", **bearer(tokens))).json()
    assert len(listed["sessions"]) == 2
    page = await browser.get("/account/sessions")
    assert page.main.count("this browser") == 1
    assert {form.fields["session"] for form in page.page.forms if form.action == "/account/sessions/end"} == {
        one["sessionId"] for one in listed["sessions"]
    }


async def test_one_session_ends_and_the_others_stay(town: Town, browser: Browser) -> None:
    person = await town.member()
    phone = town.another()
    town.fakes.ambient.advance(seconds=1)
    await phone.sign_in(person)
    page = await browser.get("/account/sessions")
    first = page.form("/account/sessions/end", 0)  # the newest comes first
    done = await browser.post("/account/sessions/end", first.fields)
    assert done.goes_to == "/account/sessions"
    assert (await phone.get("/account")).goes_to.startswith("/sign-in")
    assert (await browser.get("/account")).status == 200


async def test_all_others_end(town: Town, browser: Browser) -> None:
    person = await town.member()
    phone, tokens = town.another(), await town.fakes.client.log_in(person)
    await phone.sign_in(person)
    assert (await browser.post("/account/sessions/end-others")).goes_to == "/account/sessions"
    assert (await phone.get("/account")).goes_to.startswith("/sign-in")
    assert (await town.fakes.client.refresh(tokens)).status == 401
    assert (await browser.get("/account")).status == 200


async def test_ending_this_session_signs_out(town: Town, browser: Browser) -> None:
    await town.member()
    fields = (await browser.get("/account/sessions")).form("/account/sessions/end").fields
    assert (await browser.post("/account/sessions/end", fields)).goes_to == "/sign-in?out=1"
    assert browser.cookies == {}


async def test_nobody_ends_the_session_of_somebody_else(town: Town, browser: Browser) -> None:
    await town.member()
    stranger = town.another()
    await stranger.sign_in(await town.fakes.client.sign_up())
    other = (await stranger.get("/account/sessions")).form("/account/sessions/end").fields
    for fields in (other, {"session": ""}, {"session": "../x"}, {}):
        refused = await browser.post("/account/sessions/end", fields)
        assert refused.status == 404
        assert refused.heading == "Where you are signed in"
    assert (await stranger.get("/account")).status == 200


async def test_the_api_ends_it_too(town: Town, browser: Browser) -> None:
    person = await town.member()
    tokens = await town.fakes.client.log_in(person)
    ended = await town.fakes.client.http.delete("/auth/sessions", headers=bearer(tokens))
    assert ended.status in (200, 204), await ended.text()
    assert (await browser.get("/account")).goes_to.startswith("/sign-in")


async def test_it_is_over_when_its_time_is_whatever_was_done(make_town: MakeTown) -> None:
    town = await make_town({"session_lifetime": "3h", "idle_lifetime": "1h"})
    await town.member()
    for _ in range(5):
        town.fakes.ambient.advance(minutes=35)
        assert (await town.browser.post("/account/names", {"firstName": "E", "lastName": "F"})).goes_to == "/account"
    town.fakes.ambient.advance(minutes=6)
    assert (await town.browser.get("/account")).goes_to.startswith("/sign-in")
    assert (await town.browser.post("/account/names", {"firstName": "G", "lastName": "H"})).goes_to == "/sign-in"


async def test_it_is_over_when_nothing_was_sent_for_long(make_town: MakeTown) -> None:
    """Looks do not count: a page that is left open may fetch itself."""
    town = await make_town({"session_lifetime": "12h", "idle_lifetime": "1h"})
    await town.member()
    town.fakes.ambient.advance(minutes=40)
    assert (await town.browser.get("/account")).status == 200
    town.fakes.ambient.advance(minutes=19, seconds=59)
    assert (await town.browser.get("/account")).status == 200
    town.fakes.ambient.advance(seconds=1)
    assert (await town.browser.get("/account")).goes_to.startswith("/sign-in")


@pytest.mark.parametrize("name", ["session_lifetime", "idle_lifetime"])
async def test_shorter_settings_hold_for_sessions_that_are_open_already(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    town = await make_town({"session_lifetime": "12h", "idle_lifetime": "10h"})
    await town.member()
    town.fakes.ambient.advance(hours=1)
    assert (await town.browser.get("/account")).status == 200
    store = town.fakes.application.refresh_sessions
    assert isinstance(store, RedisSessions)
    monkeypatch.setattr(store, "_pages", store._pages.model_copy(update={name: timedelta(hours=1)}))
    assert (await town.browser.get("/account")).goes_to.startswith("/sign-in")


async def test_what_was_left_idle_is_in_no_list(make_town: MakeTown) -> None:
    town = await make_town({"session_lifetime": "12h", "idle_lifetime": "1h"})
    person = await town.member()
    town.fakes.ambient.advance(hours=1)
    await town.browser.sign_in(person)
    assert (await town.browser.get("/account/sessions")).text.count("this browser") == 1
    tokens = await town.fakes.client.log_in(person)
    listed = await town.fakes.client.http.get("/auth/sessions", headers=bearer(tokens))
    assert len((await listed.json())["sessions"]) == 2


async def test_sessions_of_programs_outlive_those_of_browsers(make_town: MakeTown) -> None:
    town = await make_town({"session_lifetime": "1h", "idle_lifetime": "1h"})
    tokens = await town.fakes.client.log_in(await town.fakes.client.sign_up())
    town.fakes.ambient.advance(hours=2)
    assert (await town.fakes.client.refresh(tokens)).status == 200


async def test_an_ending_on_one_instance_holds_on_the_other_at_once(instances: Instances) -> None:
    one, two = await instances(2, pages={"enabled": True})
    person = await one.sign_up()
    for pages, api in ((one, two), (two, one)):
        browser = Browser(pages.http)
        assert (await browser.sign_in(person)).goes_to == "/account"
        held = Browser(api.http)
        held.cookies = dict(browser.cookies)
        assert (await held.get("/account")).status == 200
        tokens = await api.log_in(person)
        ended = await api.http.delete("/auth/sessions", headers=bearer(tokens))
        assert ended.status in (200, 204)
        assert (await browser.get("/account")).goes_to.startswith("/sign-in")
        # and the other way round: signing out on a page ends what the other instance knows
        assert (await browser.sign_in(person)).goes_to == "/account"
        held.cookies = dict(browser.cookies)
        await browser.post("/account/sign-out")
        assert (await held.get("/account")).goes_to.startswith("/sign-in")
        tokens = await api.log_in(person)
        assert (await browser.sign_in(person)).goes_to == "/account"
        await browser.post("/account/sessions/end-others")
        assert (await api.refresh(tokens)).status == 401
        assert (await api.me(tokens)).status == 401


async def test_no_limit_keeps_anybody_from_signing_out(make_town: MakeTown) -> None:
    """Whoever has a copy of the cookie, or makes the browser ask for pages, could use the limit up all the time."""
    town = await make_town(throttle={"exempt": [], "session_list": "1/1m"})
    await town.member()
    copy = town.browser.copy()
    assert [(await copy.get("/account")).status for _ in range(2)] == [200, 429]
    assert (await town.browser.post("/account/sign-out")).goes_to == "/sign-in?out=1"
    assert (await copy.get("/account")).goes_to.startswith("/sign-in")
