"""Every page in both colour schemes: axe finds nothing wrong, nothing is wider than a small telephone."""

import pytest

from service.pages.page import Page
from service.pages.routes import ALL
from tests.browser import recipes
from tests.browser.conftest import Served
from tests.browser.recipes import Stage
from tests.support.browsers import SCHEMES, OpenWindow, Scheme, overflow, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")
NARROW = 320
FORMS = {"/sign-in": "Sign in", "/sign-up": "Create the account", "/reset": "Set the password"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", ALL, ids=lambda one: one.path)
async def test_a_page_is_for_everybody(served: Served, window: OpenWindow, page: Page, scheme: Scheme) -> None:
    stage = Stage(served, await window(scheme=scheme, width=NARROW))
    await recipes.come_to(page, stage)
    assert await violations(stage.window.page) == []
    assert await overflow(stage.window.page) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("what", recipes.NOT_IN_THE_TABLE)
async def test_so_is_what_has_no_row(served: Served, window: OpenWindow, what: str, scheme: Scheme) -> None:
    stage = Stage(served, await window(scheme=scheme, width=NARROW))
    await recipes.NOT_IN_THE_TABLE[what](stage)
    assert await violations(stage.window.page) == []
    assert await overflow(stage.window.page) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", FORMS)
async def test_so_is_a_refusal(served: Served, window: OpenWindow, path: str, scheme: Scheme) -> None:
    """Browsers check nothing that a script or another client would leave out."""
    shown = await window(scheme=scheme, width=NARROW)
    await shown.open(path)
    await shown.page.eval_on_selector("main form", "form => { form.noValidate = true }")
    await shown.press(FORMS[path])
    await shown.see("Some fields need another look.")
    assert await violations(shown.page) == []
    assert await overflow(shown.page) == 0
    first = await shown.page.evaluate("document.activeElement.name")
    assert first == await shown.page.get_attribute("[aria-invalid]", "name")


async def test_nothing_moves_out_of_sight_on_wide_screens(served: Served, window: OpenWindow) -> None:
    shown = await window(width=2560)
    await shown.open("/sign-in")
    box = await shown.page.locator("main").bounding_box()
    assert box
    assert box["width"] < 1000
    assert abs(box["x"] + box["width"] / 2 - 1280) < 20
