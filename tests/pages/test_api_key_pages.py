"""The account's API key and named ones, by the pages."""

from datetime import timedelta

import pytest

from tests.pages.conftest import MakeTown
from tests.support.account_pages import enrol
from tests.support.pages import Shown, Town

KEYS = "/account/api-keys"
SHOW, REPLACE, MAKE = f"{KEYS}/show", f"{KEYS}/replace", f"{KEYS}/new"


def key_of(shown: Shown) -> str:
    (key,) = shown.page.tags["code"]
    return key


async def is_accepted(town: Town, key: str) -> bool:
    return (await town.fakes.client.get("/auth/me", **{"x-api-key": key})).status == 200


async def test_the_key_is_shown_after_the_password_alone(town: Town) -> None:
    person = await town.member()
    for path in (KEYS, SHOW, REPLACE):
        assert person["apiKey"] not in (await town.browser.get(path)).text
    refused = await town.browser.post(SHOW, {"password": "WrongPass1!"})
    assert (refused.status, list(refused.broken)) == (401, ["password"])
    assert person["apiKey"] not in refused.text
    shown = await town.browser.submit(await town.browser.get(SHOW), SHOW, password=person["password"])
    assert (shown.status, key_of(shown)) == (200, person["apiKey"])
    assert shown.headers["Cache-Control"] == "no-store"


async def test_with_a_second_factor_the_key_is_shown_after_a_code_of_it(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    refused = await town.browser.post(SHOW, {"password": person["password"]})
    assert (refused.status, refused.focused) == (401, ["code"])
    assert person["apiKey"] not in refused.text
    code = app.code(town.fakes.ambient.now())
    shown = await town.browser.post(SHOW, {"password": person["password"], "code": code})
    assert key_of(shown) == person["apiKey"]


async def test_the_key_is_replaced_and_the_one_before_is_void(town: Town) -> None:
    person = await town.member()
    replaced = await town.browser.submit(await town.browser.get(REPLACE), REPLACE)
    assert replaced.status == 200
    assert await is_accepted(town, key_of(replaced))
    assert not await is_accepted(town, person["apiKey"])


async def test_with_a_second_factor_the_key_is_replaced_by_a_code_of_it_alone(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    assert (await town.browser.post(REPLACE)).focused == ["code"]
    assert await is_accepted(town, person["apiKey"])
    assert (await town.browser.post(REPLACE, {"code": app.code(town.fakes.ambient.now())})).status == 200
    assert not await is_accepted(town, person["apiKey"])


async def test_a_named_key_is_made_shown_once_listed_and_ended(town: Town) -> None:
    await town.member()
    page = await town.browser.get(MAKE)
    made = await town.browser.submit(page, MAKE, name="CI <b>", scopes="read  write read", expiresIn="30")
    key = key_of(made)
    assert (made.status, made.heading) == (200, "The key “CI <b>”")
    assert await is_accepted(town, key)
    listed = await town.browser.get(KEYS)
    assert key not in listed.text
    assert key[:10] in listed.main
    assert "read write" in listed.main
    expiry = town.fakes.ambient.now() + timedelta(days=30)
    assert f"expires {expiry:%d %b %Y, %H:%M} UTC" in listed.main
    ended = await town.browser.submit(listed, f"{KEYS}/end")
    assert ended.goes_to == KEYS
    assert not await is_accepted(town, key)
    assert "There are none." in (await town.browser.follow(ended)).main


async def test_a_key_without_expiry_and_scopes(town: Town) -> None:
    await town.member()
    await town.browser.post(MAKE, {"name": "for ever", "scopes": "", "expiresIn": ""})
    listed = await town.browser.get(KEYS)
    assert "expire" not in listed.main
    assert "never used" in listed.main


async def test_an_expired_key_is_called_so(town: Town) -> None:
    person = await town.member()
    await town.browser.post(MAKE, {"name": "short", "expiresIn": "1"})
    assert "expires" in (await town.browser.get(KEYS)).main
    town.fakes.ambient.advance(seconds=timedelta(days=2).total_seconds())
    await town.browser.sign_in(person)
    assert "expired" in (await town.browser.get(KEYS)).main


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "scopes": 'a "b"'}, "scopes"),
        ({"name": "x", "scopes": " ".join(f"s{one}" for one in range(21))}, "scopes"),
        ({"name": "x", "expiresIn": "soon"}, "expiresIn"),
        ({"name": "x", "expiresIn": "-1"}, "expiresIn"),
        ({"name": "x", "expiresIn": "0"}, "expiresIn"),
        ({"name": "x", "expiresIn": "9999"}, "expiresIn"),
        ({"name": "x", "expiresIn": "9" * 30}, "expiresIn"),
        ({"name": "x", "expiresIn": "\u0663"}, "expiresIn"),
    ],
)
async def test_a_refusal_stands_beside_its_field_and_makes_no_key(
    town: Town, fields: dict[str, str], field: str
) -> None:
    await town.member()
    refused = await town.browser.post(MAKE, fields)
    assert (refused.status, list(refused.broken)) == (422, [field])
    assert refused.page.inputs["name"]["value"] == fields["name"]
    assert "There are none." in (await town.browser.get(KEYS)).main


async def test_a_key_of_somebody_else_cannot_be_ended(town: Town) -> None:
    await town.member()
    made = await town.browser.post(MAKE, {"name": "mine"})
    key_id = (await town.browser.get(KEYS)).form(f"{KEYS}/end").fields["key"]
    stranger = town.another()
    await stranger.sign_in(await town.fakes.client.sign_up())
    for sent in (key_id, "junk", ""):
        refused = await stranger.post(f"{KEYS}/end", {"key": sent})
        assert (refused.status, refused.refusal) == (404, "You have no such API key.")
    assert await is_accepted(town, key_of(made))


async def test_replacements_are_counted_as_those_by_the_api(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "api_key_rotation": "2/1h"})
    await town.member()
    statuses = [(await town.browser.post(path, {"name": "x"})).status for path in (REPLACE, MAKE, REPLACE)]
    assert statuses == [200, 200, 429]


async def test_endings_are_counted_as_those_by_the_api(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "session_end": "2/1h"})
    await town.member()
    assert [(await town.browser.post(f"{KEYS}/end")).status for _ in range(3)] == [404, 404, 429]
