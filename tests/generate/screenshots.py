"""The pictures of docs/pages.md: `python -m tests.generate.screenshots` writes them. It needs a browser."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from tests.browser.recipes import Stage, begin_app, turn_app_on
from tests.support import browsers
from tests.support.browsers import OpenWindow, Scheme
from tests.support.dev_instances import Served, serving

FOLDER = Path(__file__).parents[2] / "docs" / "pages"
ADA = {"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace"}


class Picture(NamedTuple):
    """`come` leads there from a window that has just been opened."""

    name: str
    come: Callable[[Stage], Awaitable[None]]
    scheme: Scheme = "light"
    width: int = 720
    is_member: bool = False


def at(path: str) -> Callable[[Stage], Awaitable[None]]:
    async def come(stage: Stage) -> None:
        await stage.window.open(path)

    return come


async def refused_sign_up(stage: Stage) -> None:
    await stage.window.open("/sign-up")
    await stage.window.fill(email="grace@example.com", firstName="Grace", lastName="Hopper", password="secret")
    await stage.window.press("Create the account")


async def qr_code(stage: Stage) -> None:
    await begin_app(stage)


async def recovery_codes(stage: Stage) -> None:
    await begin_app(stage)
    await turn_app_on(stage)


PICTURES = (
    Picture("front", at("/")),
    Picture("inbox", at("/dev/mails")),  # before there is more in it
    Picture("sign-in", at("/sign-in")),
    Picture("sign-up-refused", refused_sign_up, scheme="dark"),
    Picture("account", at("/account"), is_member=True),
    Picture("sessions", at("/account/sessions"), scheme="dark", is_member=True),
    Picture("authenticator-app", qr_code, scheme="dark"),
    Picture("recovery-codes", recovery_codes),
    Picture("telephone", at("/account"), width=320, is_member=True),
)


async def take_all(served: Served) -> None:
    person = served.member(**ADA)
    served.log_in(person)
    async with browsers.launched() as browser, browsers.windows(browser, served.base) as window:
        for picture in PICTURES:
            await take(served, window, picture, person)


async def take(served: Served, window: OpenWindow, picture: Picture, person: dict[str, object]) -> None:
    stage = Stage(served, await window(scheme=picture.scheme, width=picture.width))
    if picture.is_member:
        await stage.sign_in(person)
    await picture.come(stage)
    page = stage.window.page
    await page.evaluate("document.activeElement.blur()")  # a caret that blinks would make two pictures differ
    height = await page.evaluate("document.querySelector('main').getBoundingClientRect().bottom + scrollY + 16")
    await page.set_viewport_size({"width": picture.width, "height": min(int(height), 900)})
    await page.screenshot(path=FOLDER / f"{picture.name}.png")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tokenhouse-", dir="/tmp") as home, serving(Path(home)) as served:
        asyncio.run(take_all(served))


if __name__ == "__main__":
    main()
