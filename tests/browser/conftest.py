"""One browser and one running service for all tests of a process; a window of its own for each."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support import browsers
from tests.support.browsers import OpenWindow
from tests.support.dev_instances import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    browsers.executable()  # without a browser nothing needs to start
    with serving(tmp_path_factory.mktemp("dev")) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsers.launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser, served: Served) -> AsyncIterator[OpenWindow]:
    """`await window(scheme="dark", scripts=False)`: a window in a context of its own."""
    async with browsers.windows(browser, served.base) as opening:
        yield opening
