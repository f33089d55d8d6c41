"""The service with its admin API, and programs that hold tokens of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse

from service.assembly.application import Application
from service.domain.administration.admin_tokens import WantedToken
from service.domain.administration.models import AdminScope
from service.domain.events.audit_trail import Entry
from tests.conftest import MakeOnFakes, OnFakes
from tests.support.postbox import MAIL, Postbox

ENABLED = {"enabled": True}
DAYS = timedelta(days=90)


async def token_for(
    application: Application,
    scopes: Iterable[AdminScope] = AdminScope,
    name: str = "ci",
    networks: Iterable[str] = (),
    lifetime: timedelta = DAYS,
) -> str:
    wanted = WantedToken(name=name, scopes=tuple(scopes), networks=tuple(map(ip_network, networks)), lifetime=lifetime)
    made = await application.admin_tokens.make(wanted)
    assert made
    return made[1]


@dataclass(frozen=True)
class Program:
    """A program of the operators, with a token of every scope."""

    fakes: OnFakes
    text: str

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> ClientResponse:
        sent = {"Authorization": f"Bearer {self.text}"} | headers
        return await self.fakes.client.http.request(method, path, json=body, headers=sent)

    async def said(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
        answer = await self.call(method, path, body)
        assert answer.status == status, await answer.text()
        return dict(await answer.json()) if answer.status != 204 else {}

    async def entries(self) -> list[Entry]:
        """Of the audit trail, the oldest first."""
        await self.fakes.application.audit.write()
        rows: dict[Any, Entry] = self.fakes.application.audit.trail.rows  # type: ignore[attr-defined] # the fake's own
        return list(rows.values())

    async def notices(self) -> list[str]:
        """What users were told since this was asked last."""
        postbox = Postbox(self.fakes.application)
        await postbox.collect()
        return [mail.facts["what"] for mail in postbox.notices]


MakeProgram = Callable[..., Awaitable[Program]]


@pytest.fixture
def make_program(on_fakes: MakeOnFakes) -> MakeProgram:
    async def make(**sections: dict[str, Any]) -> Program:
        fakes = await on_fakes(**{"mail": MAIL, "admin": ENABLED} | sections)
        return Program(fakes, await token_for(fakes.application))

    return make


@pytest.fixture
async def program(make_program: MakeProgram) -> Program:
    return await make_program()
