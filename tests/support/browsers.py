"""A real browser: where it is, how it starts, and what it may not do.

Chromium from the distribution: `apt install chromium-headless-shell fonts-dejavu-core`. With CI=true a missing one
fails the tests, so that nobody takes a run without it for a good one.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NoReturn

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from tests.conftest import ROOT
from tests.support import nodejs

NAMED = "TOKENHOUSE_TEST_BROWSER"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NODE = ROOT / "tests/browser/node"
OWN = ("data:", "about:", "blob:")
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
FOCUSED = "what => document.activeElement !== null && document.activeElement.matches(what)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
  one => `${one.id}: ${one.nodes.map(node => node.html).join(" | ")}`)"""


def executable() -> str:
    """Of the browser. Without one the test is skipped, or fails with CI=true."""
    if named := os.environ.get(NAMED):
        return shutil.which(named) or _lack(f"{NAMED} names {named}, which cannot be run")
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or _lack(f"no browser: apt install chromium-headless-shell, or set {NAMED}")


def _lack(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    path = executable()
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@cache
def axe_source() -> str:
    home = nodejs.home("axe", [NODE / "package.json", NODE / "package-lock.json"])
    return (home / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it stands; its own script is let in by the debugger, not by the policy."""
    await page.evaluate(axe_source())
    found: list[str] = await page.evaluate(VIOLATIONS)
    return found


async def overflow(page: Page) -> int:
    """Pixels that the page is wider than its window."""
    wider: int = await page.evaluate(OVERFLOW)
    return wider


@dataclass
class Window:
    """A page in a context of its own: nothing of another test is in it, and every request of it is on record."""

    page: Page
    base: str
    by_keyboard: bool = False
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # of scripts, and of the policy

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def fill(self, **values: str) -> None:
        """Fields by their names; by keyboard alone, in the page's order."""
        for name, value in values.items():
            place = f'[name="{name}"]:not([type=hidden])'
            if self.by_keyboard:
                await self.tab_to(place)
                await self.page.keyboard.type(value)
            else:
                await self.page.fill(place, value)

    async def press(self, words: str) -> None:
        """The button or link with these words, and wait for the page that follows."""
        place = self.page.get_by_role("button", name=words).or_(self.page.get_by_role("link", name=words)).first
        async with self.page.expect_navigation():
            if self.by_keyboard:
                await self._tab_to_element(place)
                await self.page.keyboard.press("Enter")
            else:
                await place.click()

    async def tab_to(self, selector: str) -> None:
        for _ in range(80):
            if await self.page.evaluate(FOCUSED, selector):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"no tab leads to {selector}")

    async def _tab_to_element(self, place: Any) -> None:
        for _ in range(80):
            if await place.evaluate("one => one === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError("no tab leads there")

    async def see(self, words: str) -> None:
        await expect(self.page.locator("main")).to_contain_text(words)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.base).partition("?")[0]

    @property
    def strangers(self) -> list[str]:
        """Requests that left the origin."""
        return [one for one in self.requests if not one.startswith((f"{self.base}/", *OWN))]


OpenWindow = Callable[..., Awaitable[Window]]


@asynccontextmanager
async def windows(browser: Browser, base: str) -> AsyncIterator[OpenWindow]:
    """Opens windows of one test: `await window(scheme="dark", scripts=False, width=320)`."""
    opened: list[tuple[BrowserContext, Window]] = []

    async def open_one(
        *, scheme: Scheme = "light", scripts: bool = True, width: int = 1024, by_keyboard: bool = False
    ) -> Window:
        context = await browser.new_context(
            color_scheme=scheme,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 800},
            locale="en-GB",
        )
        window = Window(await context.new_page(), base, by_keyboard)

        def note(request: Request) -> None:
            window.requests.append(request.url)

        context.on("request", note)
        context.on("console", lambda said: window.errors.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: window.errors.append(str(error.error)))
        opened.append((context, window))
        return window

    yield open_one
    for context, window in opened:
        await context.close()
        assert window.strangers == [], "requests left the origin"
        assert [one for one in window.errors if "Content Security Policy" in one] == []
