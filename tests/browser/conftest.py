"""One browser and one running service for all tests of a process; a window of its own for each."""

import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support import browsers
from tests.support.browsers import OpenWindow
from tests.support.builders import sign_up_body
from tests.support.ports import free_port
from tests.support.processes import running, stop, wait_for
from tests.support.waiting import PATIENCE


class Served(NamedTuple):
    """`tokenhouse dev` in a process of its own, as `make run` starts it."""

    port: int

    @property
    def base(self) -> str:
        """By the name that browsers make passkeys for."""
        return f"http://localhost:{self.port}"

    def call(self, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The answer of the API."""
        sent = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(sent, timeout=PATIENCE) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
        return found

    def member(self) -> dict[str, Any]:
        """A new account."""
        sent = sign_up_body()
        return {**sent, **self.call("/auth/signup", sent)}

    def log_in(self, person: dict[str, Any]) -> dict[str, Any]:
        return self.call("/auth/login", {name: person[name] for name in ("email", "password")})

    def mails(self, recipient: str) -> list[dict[str, str]]:
        """Those that were kept, the newest first."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/dev/mails.json?to={recipient}", timeout=PATIENCE
        ) as answer:
            found: list[dict[str, str]] = json.load(answer)
        return found


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    browsers.executable()  # without a browser nothing needs to start
    port = free_port()
    told = {
        "TOKENHOUSE_DEV_DIR": str(tmp_path_factory.mktemp("dev")),
        "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4",
        "TOKENHOUSE_SIGNUP__MODE": "open",
        "PORT": str(port),
    }
    with running("dev", **told) as process:
        wait_for(port, "/readyz", 200, process)
        yield Served(port)
        stop(process)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsers.launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser, served: Served) -> AsyncIterator[OpenWindow]:
    """`await window(scheme="dark", scripts=False)`: a window in a context of its own."""
    async with browsers.windows(browser, served.base) as opening:
        yield opening
