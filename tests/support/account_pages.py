"""People with second factors, who made them on our pages."""

import json
from typing import Any

from tests.support.authenticators import Authenticator
from tests.support.pages import Browser, Shown, Town
from tests.support.second_factors import App

Person = dict[str, Any]
TOTP, FACTORS = "/account/factors/totp", "/account/factors"


async def begin_totp(browser: Browser, person: Person, **more: str) -> Shown:
    return await browser.submit(await browser.get(TOTP), TOTP, password=person["password"], **more)


def app_of(shown: Shown) -> App:
    """The app that scanned the page."""
    return App(shown.form(f"{TOTP}/confirm").fields["uri"])


def codes_of(shown: Shown) -> list[str]:
    """The recovery codes of a page."""
    return shown.page.tags["li"]


async def enrol(town: Town, person: Person, browser: Browser | None = None) -> App:
    """The code of the step before is used up by it, so that the one of now is good for what comes next."""
    browser = browser or town.browser
    begun = await begin_totp(browser, person)
    app = app_of(begun)
    confirmed = await browser.submit(begun, f"{TOTP}/confirm", code=app.code(town.fakes.ambient.now(), -1))
    assert confirmed.status == 200, confirmed.text
    app.recovery_codes = codes_of(confirmed)
    return app


async def begin_passkey(browser: Browser, person: Person, name: str = "My phone", **more: str) -> Shown:
    new = f"{FACTORS}/passkeys/new"
    return await browser.submit(await browser.get(new), new, password=person["password"], name=name, **more)


async def make_passkey(browser: Browser, begun: Shown, device: Authenticator) -> Shown:
    """What the page's script does."""
    (button,) = [attributes for tag, attributes in begun.page.elements if "data-passkey" in attributes]
    credential = json.dumps(device.register(json.loads(button["data-options"])))
    return await browser.submit(begun, f"{FACTORS}/passkeys/new/add", credential=credential)


async def enrol_passkey(browser: Browser, person: Person, **more: str) -> tuple[Authenticator, Shown]:
    device = Authenticator()
    return device, await make_passkey(browser, await begin_passkey(browser, person, **more), device)


async def prove(browser: Browser, device: Authenticator) -> str:
    """What the script puts into the field `credential`."""
    options = await browser.post("/sign-in/passkey-options")
    assert options.status == 200, options.text
    return json.dumps(device.prove(json.loads(options.text)))


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200
