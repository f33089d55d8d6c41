"""Stories of accounts on two instances that send real mail: forgotten, squatted, stolen, and taken back."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.application import build
from service.embedded import Stores
from tests.conftest import Client, Serve, bearer, problem, real_settings
from tests.support import second_factors as second
from tests.support.builders import claims_of
from tests.support.mail_servers import MailSink, mail_sink
from tests.support.second_factors import App
from tests.support.waiting import until

ADA, MALLORY = "ada@example.com", "mallory@example.com"
NEW, NEWER = "Another-Pass2!", "Yet-Another-Pass3!"
CODE = re.compile(r"^\s*(\d{8})\s*$", re.MULTILINE)
LINK = re.compile(r"^\s*http\S+\?token=(\S+)\s*$", re.MULTILINE)


@dataclass
class House:
    """Two equal instances, each with its worker, and the server that takes their mails."""

    here: Client
    there: Client
    sink: MailSink
    read: set[str] = field(default_factory=set)

    async def mail(self, recipient: str, about: str) -> str:
        """The text of a mail to somebody that has these words in it or in its subject, and was not asked for before."""
        found: list[str] = []

        async def came() -> bool:
            for arrival in self.sink.arrivals:
                message_id, body = str(arrival.message["Message-ID"]), arrival.message.get_body(("plain",))
                assert body is not None
                said = f"{arrival.message['Subject']}\n{body.get_content()}"
                if arrival.recipient == recipient and about in said and message_id not in self.read:
                    self.read.add(message_id)
                    found.append(said)
                    return True
            return False

        await until(came)
        return found[0]


def code_in(text: str) -> str:
    return str(CODE.findall(text)[0])


def token_in(text: str) -> str:
    return str(LINK.findall(text)[0])


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def house(
    embedded: Stores, serve: Serve, redis: Redis, database: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[House]:
    assert await redis.dbsize() == await database.fetchval("SELECT count(*) FROM users") == 0
    async with AsyncExitStack() as closing:
        sink = closing.enter_context(mail_sink())
        mail = {"url": f"smtp://127.0.0.1:{sink.port}", "sender": "Tokenhouse <accounts@example.com>"}
        clients = []
        for _ in range(2):
            application = build(real_settings(embedded, mail=mail), Ambient())
            closing.push_async_callback(application.close)
            await application.open()
            assert application.mail_worker
            working = asyncio.create_task(application.mail_worker.run_forever())
            closing.push_async_callback(asyncio.wait, [working])
            closing.callback(working.cancel)
            clients.append(await serve(application))
        yield House(clients[0], clients[1], sink)


async def forgotten(house: House, email: str, password: str) -> None:
    """Asked for at one instance, set at the other, with the code of the mail."""
    assert (await house.here.post("/auth/forgot", {"email": email})).status == 202
    code = code_in(await house.mail(email, "Set a new password"))
    body = {"email": email, "code": code, "newPassword": password}
    answer = await house.there.post("/auth/reset", body)
    assert answer.status == 200, await answer.text()
    assert "idToken" not in await answer.text()
    assert (await house.here.post("/auth/reset", body)).status == 401  # once


async def test_somebody_forgets_the_password_then_loses_the_phone(house: House) -> None:
    here, there = house.here, house.there
    person = await here.sign_up(email=ADA)
    before = await there.log_in(person)
    assert claims_of(before["idToken"])["email_verified"] is False
    await forgotten(house, ADA, NEW)
    assert (await here.me(before)).status == 401
    assert (await here.post("/auth/login", {"email": ADA, "password": person["password"]})).status == 401
    person |= {"password": NEW}
    tokens = await here.log_in(person)
    claims = claims_of(tokens["idToken"])
    assert claims["email_verified"] is True
    assert "amr" not in claims

    begun = await second.begin(here, person, tokens)
    assert begun.status == 200, await begun.text()
    app = App((await begun.json())["uri"])
    confirmed = await second.confirm(there, tokens, app.code(now()))
    assert confirmed.status == 200, await confirmed.text()
    recovery_codes = (await confirmed.json())["recoveryCodes"]
    assert await house.mail(ADA, "A second factor was added")

    challenge = await second.challenge(there, person)
    signed_in = await second.answer(here, challenge, app.code(now(), 1))  # the code of now is used up
    assert signed_in.status == 200, await signed_in.text()
    assert claims_of((await signed_in.json())["idToken"])["amr"] == ["pwd", "otp"]
    assert (await second.answer(there, challenge, recovery_codes[0])).status == 401  # a challenge is good once

    answer = await second.log_in(here, person, code=recovery_codes[0])  # the phone is gone
    assert answer.status == 200, await answer.text()
    assert (await second.log_in(there, person, code=recovery_codes[0])).status == 401
    assert await house.mail(ADA, "A recovery code of your account was used")
    tokens = await answer.json()
    body = {"password": NEW, "code": recovery_codes[1].lower()}
    removed = await here.http.delete("/auth/factors/totp", json=body, headers=bearer(tokens))
    assert removed.status == 204, await removed.text()
    await there.log_in(person)


async def test_whoever_signed_up_with_somebody_elses_address_loses_all_at_its_first_proof(house: House) -> None:
    here, there = house.here, house.there
    squatter = await here.sign_up(email=ADA)
    tokens = await here.log_in(squatter)
    named = await here.post("/auth/api-keys", {"name": "for later"}, **bearer(tokens))
    assert named.status == 201, await named.text()
    keys = [squatter["apiKey"], (await named.json())["apiKey"]]
    app = await second.enrol(here, squatter, tokens, now())
    change = {"newEmail": MALLORY, "password": squatter["password"], "code": app.recovery_codes[0]}
    assert (await here.post("/auth/email", change, **bearer(tokens))).status == 202
    pending = token_in(await house.mail(MALLORY, "Confirm your new"))

    await forgotten(house, ADA, NEW)

    for client in (here, there):
        assert (await client.me(tokens)).status == 401
        assert (await client.refresh(tokens)).status == 401
        for key in keys:
            assert (await client.get("/auth/me", **{"x-api-key": key})).status == 401
        assert (await client.post("/auth/email/confirm", {"token": pending})).status == 401
    owner = await there.log_in({"email": ADA, "password": NEW})  # and no code is asked for
    assert owner["apiKey"] not in keys
    factors = await (await there.get("/auth/factors", **bearer(owner))).json()
    assert (factors["totp"], factors["recoveryCodesLeft"]) == (None, 0)
    assert await (await there.get("/auth/api-keys", **bearer(owner))).json() == {"apiKeys": []}


async def test_a_thief_changes_the_address_and_the_owner_takes_it_back(house: House) -> None:
    here, there = house.here, house.there
    owner = await here.sign_up(email=ADA)
    await forgotten(house, ADA, NEW)
    owner |= {"password": NEW}
    api_key = (await here.log_in(owner))["apiKey"]
    stolen = await there.log_in(owner)
    assert (await there.post("/auth/email", {"newEmail": MALLORY, "password": NEW}, **bearer(stolen))).status == 202
    code = code_in(await house.mail(MALLORY, "Confirm your new"))
    confirmed = await there.post("/auth/email/confirm", {"code": code}, **bearer(stolen))
    assert await confirmed.json() == {"email": MALLORY}
    assert (await here.post("/auth/login", {"email": ADA, "password": NEW})).status == 401
    thief = {"email": MALLORY, "password": NEW}
    await second.enrol(there, thief, stolen, now())

    undo = token_in(await house.mail(ADA, "was changed"))
    assert (await here.get(f"/auth/email/undo?token={undo}")).status == 405  # looking uses nothing up
    undone = await here.post("/auth/email/undo", {"token": undo})
    assert undone.status == 200, await undone.text()
    assert problem(await (await there.post("/auth/email/undo", {"token": undo})).text())["code"] == "invalid_code"

    assert (await there.me(stolen)).status == 401
    for email in (ADA, MALLORY):
        assert (await there.post("/auth/login", {"email": email, "password": NEW})).status == 401
    reset = {"token": token_in(await house.mail(ADA, "Set a new password")), "newPassword": NEWER}
    assert (await there.post("/auth/reset", reset)).status == 200
    tokens = await here.log_in({"email": ADA, "password": NEWER})  # the thief's second factor is gone
    assert claims_of(tokens["idToken"])["email"] == ADA
    assert tokens["apiKey"] != api_key
