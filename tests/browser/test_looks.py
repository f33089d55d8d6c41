"""Every page in both colour schemes: axe finds nothing wrong, nothing is wider than a small telephone."""

import pytest

from service.pages.page import Page
from service.pages.routes import ALL
from tests.browser import recipes
from tests.browser.recipes import Stage
from tests.support.browsers import SCHEMES, OpenWindow, Window, overflow, violations
from tests.support.dev_instances import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
NARROW = 320
FORMS = {"/sign-in": "Sign in", "/sign-up": "Create the account", "/reset": "Set the password"}


async def require_good_looks(window: Window) -> None:
    """In both schemes."""
    for scheme in SCHEMES:
        await window.page.emulate_media(color_scheme=scheme)
        assert await violations(window.page) == [], scheme
    assert await overflow(window.page) == 0


@pytest.mark.parametrize("page", [one for one in ALL if one.template], ids=lambda one: one.path)
async def test_a_page_is_for_everybody(served: Served, window: OpenWindow, page: Page) -> None:
    stage = Stage(served, await window(width=NARROW))
    await recipes.come_to(page, stage)
    await require_good_looks(stage.window)


@pytest.mark.parametrize("what", recipes.NOT_IN_THE_TABLE)
async def test_so_is_what_has_no_row(served: Served, window: OpenWindow, what: str) -> None:
    stage = Stage(served, await window(width=NARROW))
    await recipes.NOT_IN_THE_TABLE[what](stage)
    await require_good_looks(stage.window)


@pytest.mark.parametrize("path", FORMS)
async def test_so_is_a_refusal(window: OpenWindow, path: str) -> None:
    """Browsers check nothing that a script or another client would leave out."""
    shown = await window(width=NARROW)
    await shown.open(path)
    await shown.page.eval_on_selector("main form", "form => { form.noValidate = true }")
    await shown.press(FORMS[path])
    await shown.see("Some fields need another look.")
    await require_good_looks(shown)
    first = await shown.page.evaluate("document.activeElement.name")
    assert first == await shown.page.get_attribute("[aria-invalid]", "name")


async def test_nothing_moves_out_of_sight_on_wide_screens(window: OpenWindow) -> None:
    shown = await window(width=2560)
    await shown.open("/sign-in")
    box = await shown.page.locator("main").bounding_box()
    assert box
    assert box["width"] < 1000
    assert abs(box["x"] + box["width"] / 2 - 1280) < 20


async def test_a_place_for_words_is_not_seen_before_there_are_words(window: OpenWindow) -> None:
    shown = await window()
    await shown.open("/sign-in")
    for place in await shown.page.locator("[role=status]:empty").all():
        box = await place.bounding_box()
        assert box is None or box["height"] == 0
