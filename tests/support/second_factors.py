"""Members with a second factor: an authenticator app is an unmodified pyotp."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyotp
from aiohttp import ClientResponse

from tests.conftest import Client, bearer


@dataclass
class App:
    """An authenticator app, made from the URI that the service answers."""

    uri: str
    recovery_codes: list[str] = field(default_factory=list)

    @property
    def secret(self) -> str:
        return pyotp.parse_uri(self.uri).secret

    def code(self, at: datetime, steps: int = 0) -> str:
        totp = pyotp.parse_uri(self.uri)
        assert isinstance(totp, pyotp.TOTP)
        return totp.at(at, counter_offset=steps)

    def wrong_code(self, at: datetime) -> str:
        """Right at none of the steps that are near."""
        near = {self.code(at, steps) for steps in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(100)) if code not in near)


async def begin(client: Client, person: dict[str, Any], tokens: dict[str, Any], **more: str) -> ClientResponse:
    return await client.post("/auth/factors/totp", {"password": person["password"], **more}, **bearer(tokens))


async def confirm(client: Client, tokens: dict[str, Any], code: str) -> ClientResponse:
    return await client.post("/auth/factors/totp/confirm", {"code": code}, **bearer(tokens))


async def enrol(client: Client, person: dict[str, Any], tokens: dict[str, Any], now: datetime, step: int = -1) -> App:
    """The code of the step before is used up by it, so that the one of `now` is good for what comes next.

    On a clock that goes on, `step` is 0: the code lapses later then.
    """
    begun = await begin(client, person, tokens)
    assert begun.status == 200, await begun.text()
    app = App((await begun.json())["uri"])
    confirmed = await confirm(client, tokens, app.code(now, step))
    assert confirmed.status == 200, await confirmed.text()
    app.recovery_codes = (await confirmed.json())["recoveryCodes"]
    return app


async def challenge(client: Client, person: dict[str, Any]) -> str:
    answer = await log_in(client, person)
    assert answer.status == 401, await answer.text()
    return str((await answer.json())["challenge"])


async def log_in(client: Client, person: dict[str, Any], **more: str) -> ClientResponse:
    return await client.post("/auth/login", {"email": person["email"], "password": person["password"], **more})


async def answer(client: Client, token: str, code: str) -> ClientResponse:
    return await client.post("/auth/login/challenge", {"challenge": token, "code": code})
