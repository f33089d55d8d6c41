"""Who uses the service while it breaks, and records every answer. Each person does one thing after another."""

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

from aiohttp import ClientError, ClientResponse

from tests.conftest import Client, bearer
from tests.e2e.history.fleet import Fleet
from tests.e2e.history.record import TAKEN, UNKNOWN, History, Operation
from tests.support import builders

PAUSE = 0.06  # seconds between two things that a person does, at most
AGAIN = 0.1  # seconds until a person tries again what was not answered
TRIES = 300
HELD = 4  # sessions of one person
NEWEST = 30  # ended sessions that are asked for most often
WRONG = "WrongPass1!"
Tokens = dict[str, Any]


@dataclass
class Session:
    id: str
    tokens: Tokens
    spent: list[tuple[str, float]] = field(default_factory=list)  # refresh tokens, and when the answer came


@dataclass
class Town:
    """What everybody shares."""

    fleet: Fleet
    history: History
    dice: Random
    over: list[Tokens] = field(default_factory=list)  # what is left of sessions whose end was acknowledged

    def choose(self) -> int:
        """An instance, as a balancer would: a ready one if there is any."""
        return self.dice.choice(sorted(self.fleet.ready) or list(self.fleet.numbers))

    async def ask(
        self, asked: Awaitable[ClientResponse], kind: str, instance: int, person: str, **noted: Any
    ) -> tuple[int, dict[str, Any]]:
        """The status and the body; 0 and nothing when nobody answers."""
        began, status = monotonic(), 0
        said: dict[str, Any] = {}
        with suppress(ClientError, TimeoutError, json.JSONDecodeError):
            answer = await asked
            text = await answer.text()
            status, said = answer.status, json.loads(text) if text else {}
            noted["wait"] = int(answer.headers.get("Retry-After", 0))
        if kind == "log in" and status == 200:
            noted["session"] = id_of(said)
        self.history.operations.append(
            Operation(
                kind=kind, instance=instance, person=person, began=began, ended=monotonic(), status=status, **noted
            )
        )
        return status, said

    async def try_what_is_over(self, tokens: Tokens, instance: int, *, refresh: bool = False) -> int:
        client = self.fleet.clients[instance]
        kind, asked = ("refresh", client.refresh(tokens)) if refresh else ("me", client.me(tokens))
        status, _ = await self.ask(asked, kind, instance, "somebody", session=tokens["session"])
        return status


def id_of(tokens: Tokens) -> str:
    return str(tokens["refreshToken"][3:27])


class Person:
    def __init__(self, town: Town, number: int) -> None:
        self._town = town
        self._dice = Random(town.dice.random())  # noqa: S311 - a run must be repeatable
        self.email = f"person{number}.{town.dice.getrandbits(40)}@example.com"
        self._address = {"X-Forwarded-For": f"10.0.{number // 200}.{number % 200 + 1}"}
        self._passwords = [self._new_password()]  # that may hold, the likeliest first
        self.held: list[Session] = []
        self.lost: list[Session] = []  # that the service knows no more; their tokens last for a while

    def _new_password(self) -> str:
        return f"Secure-{self._dice.getrandbits(48)}x!"

    async def live_until(self, stop: asyncio.Event) -> None:
        has_account = False
        while not stop.is_set():
            await asyncio.sleep(self._dice.uniform(0, PAUSE))
            if not has_account:
                has_account = await self._sign_up()
                continue
            if len(self.held) < 2 or (len(self.held) < HELD and self._dice.random() < 0.2):
                await self._log_in()
                continue
            one = self._dice.choice(self.held)
            does, weights = zip(*self._habits().items(), strict=True)
            await self._dice.choices(does, weights)[0](one)

    def _habits(self) -> dict[Any, int]:
        return {
            self._me: 4,
            self._verify: 4,
            self.refresh: 5,
            self._log_out: 6,
            self._log_out_among_refreshes: 1,
            self._end_others: 2,
            self._change_password: 1,
            self._be_stolen_from: 1,
        }

    async def _ask(self, kind: str, method: str, path: str, **noted: Any) -> tuple[int, dict[str, Any]]:
        """`body` and `tokens` are sent; the rest is noted."""
        body, tokens = noted.pop("body", None), noted.pop("tokens", None)
        instance = noted.pop("instance", None)
        instance = self._town.choose() if instance is None else instance
        headers = self._address | (bearer(tokens) if tokens else {})
        client: Client = self._town.fleet.clients[instance]
        sent = {"json": body} if body is not None else {}
        asked = client.http.request(method, path, headers=headers, **sent)
        return await self._town.ask(asked, kind, instance, self.email, **noted)

    async def _sign_up(self) -> bool:
        body = builders.sign_up_body(email=self.email, password=self._passwords[0])
        status, _ = await self._ask("sign up", "POST", "/auth/signup", body=body, password=self._passwords[0])
        return status in (201, 409)

    async def _log_in(self) -> None:
        for password in list(self._passwords):
            body = {"email": self.email, "password": password}
            status, said = await self._ask("log in", "POST", "/auth/login", body=body, password=password)
            if status == 200:
                self._passwords = [password]
                self.held.append(Session(id_of(said), said))
                self._town.history.users[self.email] = UUID(json.loads(builders.part(said["idToken"], 1))["sub"])
            if status != 401:
                return

    async def _me(self, one: Session) -> None:
        await self._ask("me", "GET", "/auth/me", tokens=one.tokens, session=one.id)

    async def _verify(self, one: Session) -> None:
        await self._ask("verify", "GET", "/auth/verify", tokens=one.tokens, session=one.id)

    async def refresh(self, one: Session) -> None:
        """Until there is an answer: an honest client keeps its token when it hears nothing."""
        shown = one.tokens["refreshToken"]
        for _ in range(TRIES):
            status, said = await self._ask(
                "refresh", "POST", "/auth/refresh", body={"refreshToken": shown}, session=one.id
            )
            if status not in UNKNOWN:
                break
            await asyncio.sleep(AGAIN)
        if status != 200:
            self.held.remove(one)
            self.lost.append(one)
            return
        one.tokens = one.tokens | said
        if one.tokens["refreshToken"] != shown:
            one.spent.append((shown, monotonic()))

    async def _end(self, kind: str, path: str, ending: list[Session], **sent: Any) -> int:
        method = "DELETE" if kind == "end others" else "POST"
        ends = tuple(one.id for one in ending)
        status, _ = await self._ask(kind, method, path, ends=ends, **sent)
        if status in (*TAKEN, *UNKNOWN):
            self.held = [one for one in self.held if one not in ending]
        if status in TAKEN:
            self._town.over += [one.tokens | {"session": one.id} for one in ending]
            self.lost = [one for one in self.lost if one not in ending]
        return status

    async def _log_out(self, one: Session) -> None:
        body = {"accessToken": one.tokens["accessToken"]}
        for _ in range(3):  # whoever is told that it may not have happened tries again
            status = await self._end("log out", "/auth/logout", [one], body=body, tokens=one.tokens, session=one.id)
            if status not in UNKNOWN:
                break
            await asyncio.sleep(AGAIN)
        if one in self.held:
            self.held.remove(one)

    async def _log_out_among_refreshes(self, one: Session) -> None:
        body, renewed = {"refreshToken": one.tokens["refreshToken"]}, dict(one.tokens)
        leaving = asyncio.create_task(self._log_out(one))
        asked = [self._ask("refresh", "POST", "/auth/refresh", body=body, session=one.id) for _ in range(2)]
        answers = await asyncio.gather(*asked)
        await leaving
        for status, said in answers:
            if status == 200:
                self._town.over.append(renewed | said | {"session": one.id})

    def _others(self, one: Session) -> list[Session]:
        return [other for other in self.held + self.lost if other is not one]

    async def _end_others(self, one: Session) -> None:
        await self._end("end others", "/auth/sessions", self._others(one), tokens=one.tokens, session=one.id)

    async def _change_password(self, one: Session) -> None:
        new, old = self._new_password(), self._passwords[0]
        body = {"currentPassword": old, "newPassword": new}
        status = await self._end(
            "password",
            "/auth/password",
            self._others(one),
            body=body,
            tokens=one.tokens,
            session=one.id,
            password=old,
            new_password=new,
        )
        if status in TAKEN:
            self._passwords = [new]
        elif status in UNKNOWN:
            self._passwords.append(new)

    async def _be_stolen_from(self, one: Session) -> None:
        """Somebody else shows a spent token, which ends the session unless it is shown within the grace."""
        if not one.spent:
            return
        token, spent_at = one.spent[0]
        self.held.remove(one)
        await self._ask(
            "refresh spent",
            "POST",
            "/auth/refresh",
            body={"refreshToken": token},
            session=one.id,
            ends=(),
            spent_at=spent_at,
        )


class Guesser:
    """Tries passwords of an account of his own, always from the same place."""

    def __init__(self, town: Town, number: int) -> None:
        self._town = town
        self._email = f"guessed{number}.{town.dice.getrandbits(40)}@example.com"
        self._address = {"X-Forwarded-For": f"192.0.2.{number + 1}"}

    async def guess_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            instance = self._town.choose()
            body = {"email": self._email, "password": WRONG}
            asked = self._town.fleet.clients[instance].post("/auth/login", body, **self._address)
            await self._town.ask(asked, "guess", instance, self._email)
            await asyncio.sleep(AGAIN)


async def pry_until(town: Town, stop: asyncio.Event) -> None:
    """Somebody who kept the tokens of ended sessions shows them everywhere."""
    while not stop.is_set():
        await asyncio.sleep(town.dice.uniform(0, PAUSE))
        kept = town.over[-NEWEST:] if town.dice.random() < 0.8 else town.over
        if kept:
            instance = town.dice.choice(list(town.fleet.numbers))
            await town.try_what_is_over(town.dice.choice(kept), instance, refresh=town.dice.random() < 0.3)
