"""How each page of the table is come to in a browser, with something on it.

A page that is not named here is opened by its path: by somebody who is signed in where it belongs to the account, by
anybody otherwise. A page whose path holds a parameter needs a line: without one its test fails.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyotp

from service.pages.page import Page
from tests.support.browsers import Window
from tests.support.dev_instances import Served


@dataclass(frozen=True)
class Stage:
    """A window that nobody has signed in at yet."""

    served: Served
    window: Window

    async def sign_in(self, person: dict[str, Any]) -> None:
        await self.window.open("/sign-in")
        await self.window.fill(email=person["email"], password=person["password"])
        await self.window.press("Sign in")

    async def member(self) -> dict[str, Any]:
        person = self.served.member()
        await self.sign_in(person)
        assert self.window.path == "/account"
        return person

    async def admin(self, path: str) -> None:
        """An admin, at this path; `{userId}` is somebody with all that can be shown."""
        person, other = self.served.member(), self.served.member()
        auth = {"Authorization": f"Bearer {self.served.log_in(other)['idToken']}"}
        self.served.call("/auth/api-keys", {"name": "laptop", "scopes": ["read"]}, **auth)
        self.enrol(other)
        app = self.enrol(person)
        self.served.command("admins", "grant", person["email"])
        await self.sign_in(person)
        await self.window.fill(code=app.at(int(time.time()) + int(app.interval)))  # that of now set it up
        await self.window.press("Continue")
        await self.window.open(path.replace("{userId}", other["userId"]))

    def enrol(self, person: dict[str, Any]) -> pyotp.TOTP:
        """An authenticator app for the account, by the API."""
        auth = {"Authorization": f"Bearer {self.served.log_in(person)['idToken']}"}
        begun = self.served.call("/auth/factors/totp", {"password": person["password"]}, **auth)
        app = pyotp.parse_uri(begun["uri"])
        assert isinstance(app, pyotp.TOTP)
        self.served.call("/auth/factors/totp/confirm", {"code": app.now()}, **auth)
        return app


async def second_step(stage: Stage) -> None:
    person = stage.served.member()
    stage.enrol(person)
    await stage.sign_in(person)


def link(path: str) -> Callable[[Stage], Awaitable[None]]:
    async def open_link(stage: Stage) -> None:
        await stage.window.open(path)

    return open_link


async def inbox(stage: Stage) -> None:
    stage.served.member()
    await stage.window.open("/dev/mails")


async def begin_app(stage: Stage) -> dict[str, Any]:
    """The page with the QR code."""
    person = await stage.member()
    await stage.window.open("/account/factors/totp")
    await stage.window.fill(password=person["password"])
    await stage.window.press("Show the QR code")
    return person


async def turn_app_on(stage: Stage) -> pyotp.TOTP:
    """The page with the recovery codes, from that with the QR code."""
    app = pyotp.parse_uri(await stage.window.page.input_value("[name=uri]"))
    assert isinstance(app, pyotp.TOTP)
    await stage.window.fill(code=app.now())
    await stage.window.press("Turn it on")
    return app


async def make_passkey(stage: Stage, person: dict[str, Any], name: str = "laptop") -> None:
    """The page with the recovery codes; the window has an authenticator."""
    await stage.window.open("/account/factors/passkeys/new")
    await stage.window.fill(name=name, password=person["password"])
    await stage.window.press("Continue")
    await stage.window.press("Make the passkey")


async def qr(stage: Stage) -> None:
    await begin_app(stage)


async def recovery_codes(stage: Stage) -> None:
    await begin_app(stage)
    await turn_app_on(stage)


async def second_factors(stage: Stage) -> None:
    await recovery_codes(stage)
    await stage.window.open("/account/factors")


async def api_key(stage: Stage) -> None:
    person = await stage.member()
    await stage.window.open("/account/api-keys/show")
    await stage.window.fill(password=person["password"])
    await stage.window.press("Show the key")


async def a_passkey(stage: Stage) -> None:
    await stage.window.authenticator()
    await make_passkey(stage, await stage.member())
    await stage.window.open("/account/factors")
    await stage.window.press("Rename or remove")


async def being_made(stage: Stage) -> None:
    person = await stage.member()
    await stage.window.open("/account/factors/passkeys/new")
    await stage.window.fill(name="laptop", password=person["password"])
    await stage.window.press("Continue")


async def set_up(stage: Stage) -> None:
    """Of an installation that requires a factor: the page asks nothing of the challenge before its form is sent."""
    await stage.window.page.context.add_cookies(
        [{"name": "tokenhouse-challenge", "value": "begun", "url": stage.served.base}]
    )
    await stage.window.open("/sign-in/set-up")


async def person_found(stage: Stage) -> None:
    await stage.admin("/admin/people")
    await stage.window.fill(email="ada")
    await stage.window.press("Find")


async def admin_without_factor(stage: Stage) -> None:
    person = await stage.member()
    stage.served.command("admins", "grant", person["email"])
    await stage.window.open("/admin")
    await stage.window.see("Set one up")


RECIPES: Mapping[str, Callable[[Stage], Awaitable[None]]] = {
    "/sign-in/code": second_step,
    "/reset": link("/reset?sent=1"),
    "/verify": link("/verify?sent=1"),
    "/sign-in/set-up": set_up,
    "/account/factors/passkey": a_passkey,
}
NOT_IN_THE_TABLE: Mapping[str, Callable[[Stage], Awaitable[None]]] = {
    "a link of a reset": link("/reset?token=abc"),
    "a link of a proof": link("/verify?token=abc"),
    "an address that is proved": link("/verify?done=1"),
    "a sign-in after a reset": link("/sign-in?reset=1"),
    "an address where nothing is": link("/nothing"),
    "the inbox": inbox,
    "a QR code": qr,
    "recovery codes": recovery_codes,
    "second factors that are there": second_factors,
    "an API key": api_key,
    "a passkey that is being made": being_made,
    "an account that an admin has found": person_found,
    "an admin without a second factor": admin_without_factor,
}


async def come_to(page: Page, stage: Stage) -> None:
    if recipe := RECIPES.get(page.path):
        await recipe(stage)
        return
    if page.path.startswith("/admin"):
        await stage.admin(page.path)
        assert stage.window.path.startswith("/admin")
        assert await stage.window.page.locator("nav.admin").count() == 1
        return
    assert "{" not in page.path, f"tests/browser/recipes.py does not say how to come to {page.path}"
    if page.path.startswith("/account"):
        await stage.member()
    await stage.window.open(page.path)
    assert stage.window.path == page.path, f"{page.path} leads to {stage.window.path}: it needs a recipe"
