"""Two equal instances that speak Cognito's protocol, at one public address, and the mails that they would send."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyotp

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.embedded import Stores
from tests.conftest import Client, Serve, real_settings
from tests.support.cognito_programs import Place
from tests.support.ports import free_port
from tests.support.postbox import Postbox

POOL = "eu-central-1_tokenhouse"
MAIL = {"url": "smtp://mail.example.com", "sender": "accounts@example.com"}  # nobody connects to it
STEP = 30  # seconds of a code of an authenticator app


@dataclass(frozen=True)
class Town:
    """`here` is where the issuer says the service is; `there` is the other instance."""

    here: Client
    there: Client
    application: Application
    postbox: Postbox

    @property
    def place(self) -> Place:
        return Place(f"http://127.0.0.1:{self.here.port}")

    async def code_for(self, recipient: str) -> str:
        """The code of the latest mail to somebody that has one."""
        await self.postbox.collect()
        codes = [
            one.values["code"] for one in self.postbox.letters if one.recipient == recipient and "code" in one.values
        ]
        return codes[-1]


@asynccontextmanager
async def town(embedded: Stores, serve: Serve, **sections: dict[str, Any]) -> AsyncIterator[Town]:
    async with AsyncExitStack() as closing:
        port = free_port()
        cognito = {"cognito": {"enabled": True} | sections.pop("cognito", {})}
        tokens = {"tokens": {"issuer": f"http://127.0.0.1:{port}/{POOL}"} | sections.pop("tokens", {})}
        clients, applications = [], []
        for at in (port, 0):
            server = {"server": {"port": at} | sections.get("server", {})}
            settings = real_settings(embedded, **sections | {"mail": MAIL} | cognito | tokens | server)
            application = build(settings, Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            clients.append(await serve(application))
            applications.append(application)
        yield Town(clients[0], clients[1], applications[0], Postbox(applications[0]))


class AuthenticatorApp:
    """Shows each code once, as a person with patience would: none of a step that was shown already, or before it."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._shown = 0

    def code(self) -> str:
        """The oldest code that is good and was not shown: the service takes those of the step before and after too."""
        now = int(datetime.now(UTC).timestamp()) // STEP
        self._shown = max(self._shown + 1, now)
        assert self._shown <= now + 1, "a third code within one step: the story must wait"
        return self._totp.at(self._shown * STEP)
