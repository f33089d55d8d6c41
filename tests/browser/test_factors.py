"""Second factors in a real browser: a QR code that a telephone can read, and passkeys."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.recipes import Stage, begin_app, make_passkey
from tests.support.browsers import SCHEMES, OpenWindow, Scheme, qr_code, violations
from tests.support.dev_instances import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_telephone_reads_the_secret_that_is_shown(
    served: Served, window: OpenWindow, browser: Browser, scheme: Scheme
) -> None:
    stage = Stage(served, await window(scheme=scheme, width=320))
    person = await begin_app(stage)
    page = stage.window.page
    read = await qr_code(browser, await page.locator(".qr").screenshot())
    assert read == await page.input_value("[name=uri]")
    secret = (await page.locator("code").first.inner_text()).replace(" ", "")
    assert f"secret={secret}" in read
    assert person["email"].replace("@", "%40") in read


async def test_a_passkey_is_made_and_signs_in(served: Served, window: OpenWindow) -> None:
    stage = Stage(served, await window())
    here = stage.window
    await here.authenticator()
    person = await stage.member()
    await make_passkey(stage, person)
    assert await here.page.locator(".codes code").count() == 10
    await here.press("I have them: go on")
    await here.see("laptop")
    await here.press("Sign out")
    await here.press("Sign in with a passkey")
    assert here.path == "/account"
    await here.see(person["email"])
    await here.open("/account/factors")
    await here.see("last used")


async def test_a_passkey_is_the_second_step_too(served: Served, window: OpenWindow) -> None:
    stage = Stage(served, await window())
    here = stage.window
    await here.authenticator()
    person = await stage.member()
    await make_passkey(stage, person)
    await here.press("I have them: go on")
    await here.press("Sign out")
    await stage.sign_in(person)
    assert here.path == "/sign-in/code"
    assert await violations(here.page) == []
    await here.press("passkey")
    assert here.path == "/account"


async def test_a_device_that_knows_nobody_signs_nobody_in(served: Served, window: OpenWindow) -> None:
    stage = Stage(served, await window())
    here = stage.window
    device = await here.authenticator()
    await make_passkey(stage, await stage.member())
    await here.press("I have them: go on")
    await here.press("Sign out")
    await device.verify_nobody()
    await here.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(here.page.locator("[data-failed]")).not_to_be_empty()
    assert here.path == "/sign-in"
    assert await violations(here.page) == []


async def test_without_scripts_no_button_is_there_that_does_nothing(served: Served, window: OpenWindow) -> None:
    here = await window(scripts=False)
    await here.open("/sign-in")
    assert not await here.page.get_by_role("button", name="passkey").count()


async def test_by_an_address_that_can_have_no_passkey_there_is_no_button(served: Served, window: OpenWindow) -> None:
    here = await window()
    await here.open("/sign-in")
    assert await here.page.get_by_role("button", name="Sign in with a passkey").is_visible()
    here.base = f"http://127.0.0.1:{served.port}"
    here.requests.clear()
    await here.open("/sign-in")
    assert not await here.page.get_by_role("button", name="Sign in with a passkey").count()
