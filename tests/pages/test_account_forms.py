"""What holds of every form of the account: whose it is, where it comes from, and what it never shows."""

import pytest

from service.pages.routes import ALL
from tests.conftest import Instances
from tests.pages.conftest import MakeTown
from tests.support.account_pages import begin_totp, enrol, is_signed_in
from tests.support.authenticators import SETTINGS
from tests.support.pages import ORIGIN, Browser, Town, everything

FORMS = [f"{page.path}{suffix}" for page in ALL for suffix in page.forms]
OF_THE_ACCOUNT = [one for one in FORMS if one.startswith("/account")]
PAGES = [page.path for page in ALL if page.path.startswith("/account") and page.path != "/account/factors/passkey"]
FIELDS = {
    "password": "SecurePass1!",
    "newPassword": "Another-Pass2!",
    "newEmail": "new@example.com",
    "name": "x",
    "firstName": "Eve",
    "lastName": "Eve",
}
ASKS_FOR_A_CODE = (
    "/account/password",
    "/account/email",
    "/account/api-keys/show",
    "/account/api-keys/replace",
    "/account/api-keys/new",
    "/account/factors/totp",
    "/account/factors/recovery-codes",
    "/account/factors/passkeys/new",
    "/account/close",
)
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    {"Origin": "null"},
    {},
]


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_of_another_origin_is_refused_and_does_nothing(town: Town, path: str) -> None:
    await town.member()
    await begin_totp(town.browser, FIELDS)
    before = await everything(town.fakes)
    for headers in FOREIGN:
        refused = await town.browser.send("POST", path, headers, FIELDS)
        assert refused.status == 403, headers
        assert refused.cookies == {}
    assert await everything(town.fakes) == before
    assert await is_signed_in(town.browser)


@pytest.mark.parametrize("path", OF_THE_ACCOUNT)
async def test_who_is_not_signed_in_is_sent_to_the_sign_in_and_nothing_is_done(town: Town, path: str) -> None:
    await town.fakes.client.sign_up()
    before = await everything(town.fakes)
    for cookie in ("", "junk", "ps_junk", "ps_" + "A" * 24 + "." + "A" * 43):
        stranger = town.another()
        stranger.cookies = {"tokenhouse": cookie} if cookie else {}
        assert (await stranger.post(path, FIELDS)).goes_to == "/sign-in"
    assert await everything(town.fakes) == before


@pytest.mark.parametrize("path", PAGES)
async def test_who_is_not_signed_in_comes_back_after_the_sign_in(town: Town, path: str) -> None:
    assert (await town.another().get(path)).goes_to == f"/sign-in?next={path}"


@pytest.mark.parametrize("path", PAGES)
async def test_looking_at_a_page_changes_nothing_and_shows_no_secret(town: Town, path: str) -> None:
    person = await town.member()
    app = await enrol(town, person)
    before = await everything(town.fakes)
    shown = await town.browser.get(path)
    assert shown.status == 200
    secrets = [person["apiKey"], person["password"], app.secret, *app.recovery_codes, town.browser.session]
    assert not [one for one in secrets if one in shown.text]
    assert await everything(town.fakes) == before


@pytest.mark.parametrize("path", ASKS_FOR_A_CODE)
async def test_a_field_for_the_code_is_there_for_whoever_has_one(make_town: MakeTown, path: str) -> None:
    town = await make_town(passkeys=SETTINGS)
    person = await town.member()
    assert "code" not in (await town.browser.get(path)).page.inputs
    await enrol(town, person)
    page = await town.browser.get(path)
    assert page.page.inputs["code"]["autocomplete"] == "one-time-code"
    (form,) = [one for one in page.page.forms if "code" in one.fields]
    refused = await town.browser.submit(page, form.action, **{"password": person["password"], **FIELDS})
    assert (refused.status, refused.focused) == (401, ["code"])


async def test_endings_reach_pages_of_other_instances_and_the_other_way_round(instances: Instances) -> None:
    one, two = await instances(2, pages={"enabled": True})
    person = await one.sign_up()
    browser, elsewhere = Browser(one.http), Browser(two.http)
    await browser.sign_in(person)
    elsewhere.cookies = dict(browser.cookies)
    assert await is_signed_in(elsewhere)
    tokens = await two.log_in(person)
    headers = {"Authorization": f"Bearer {tokens['idToken']}"}
    async with two.http.delete("/auth/sessions?everywhere=true", headers=headers) as ended:
        assert ended.status < 300
    assert not await is_signed_in(browser)
    await browser.sign_in(person)
    tokens = await two.log_in(person)
    done = await browser.post("/account/password", {"password": person["password"], "newPassword": "Another-Pass2!"})
    assert done.status == 303
    assert (await two.me(tokens)).status == 401
