"""The service on fakes with its pages, and a browser that looks at them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.settings import TokenSettings, origin_of
from tests.conftest import MakeOnFakes
from tests.support.pages import Browser, Town
from tests.support.postbox import MAIL

MakeTown = Callable[..., Awaitable[Town]]


@pytest.fixture
def make_town(on_fakes: MakeOnFakes) -> MakeTown:
    """`make_town(pages={"brand": "Ada's"}, throttle={...})`; mails are sent unless `mail` says otherwise."""

    async def make(pages: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Town:
        fakes = await on_fakes(pages={"enabled": True} | (pages or {}), **({"mail": MAIL} | sections))
        issuer = sections.get("tokens", {}).get("issuer", TokenSettings().issuer)
        return Town(fakes, Browser(fakes.client.http, origin_of(issuer)))

    return make


@pytest.fixture
async def town(make_town: MakeTown) -> Town:
    return await make_town()


@pytest.fixture
def browser(town: Town) -> Browser:
    return town.browser
