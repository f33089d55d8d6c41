"""Second factors on two instances and real stores: nothing is good twice, wherever it is used."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
import pytest
from aiohttp import ClientResponse
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from service.stores.postgres import Postgres
from service.stores.sessions import RedisSessions
from tests.conftest import Client, Instances, bearer
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.databases import Command
from tests.support.second_factors import App

PARALLEL = 50


class Member(NamedTuple):
    clients: list[Client]
    person: dict[str, Any]
    tokens: dict[str, Any]
    app: App

    def turns(self) -> Iterator[Client]:
        return itertools.islice(itertools.cycle(self.clients), PARALLEL)


def now() -> datetime:
    return datetime.now(UTC)


async def a_member(clients: list[Client]) -> Member:
    person = await clients[0].sign_up()
    tokens = await clients[0].log_in(person)
    return Member(clients, person, tokens, await second.enrol(clients[0], person, tokens, now(), 0))


@pytest.fixture
async def member(instances: Instances) -> Member:
    return await a_member(await instances(2))


async def outcomes(*asked: Awaitable[ClientResponse]) -> Counter[int]:
    return Counter(answer.status for answer in await asyncio.gather(*asked))


async def sessions_of(member: Member) -> int:
    answer = await member.clients[1].get("/auth/sessions", **bearer(member.tokens))
    return len((await answer.json())["sessions"])


async def test_of_fifty_uses_of_one_code_one_succeeds(member: Member) -> None:
    code = member.app.code(now(), 1)  # good for a while yet
    answers = await outcomes(*(second.log_in(one, member.person, code=code) for one in member.turns()))
    assert answers == {200: 1, 401: PARALLEL - 1}
    assert await sessions_of(member) == 2


async def test_of_fifty_uses_of_one_recovery_code_one_succeeds(member: Member) -> None:
    code = member.app.recovery_codes[0]
    answers = await outcomes(*(second.log_in(one, member.person, code=code) for one in member.turns()))
    assert answers == {200: 1, 401: PARALLEL - 1}
    assert await sessions_of(member) == 2


async def test_of_fifty_uses_of_one_challenge_one_succeeds(member: Member) -> None:
    """Each with another good code, so that it is the challenge that decides."""
    token = await second.challenge(member.clients[0], member.person)
    codes = itertools.cycle(member.app.recovery_codes)
    asked = (second.answer(one, token, code) for one, code in zip(member.turns(), codes, strict=False))
    assert await outcomes(*asked) == {200: 1, 401: PARALLEL - 1}
    assert await sessions_of(member) == 2


async def test_a_challenge_takes_five_wrong_codes_from_both_instances_together(member: Member) -> None:
    token, wrong = await second.challenge(member.clients[0], member.person), "00000000000"
    answers = await asyncio.gather(*(second.answer(one, token, wrong) for one in member.turns()))
    codes = Counter([(await one.json())["code"] for one in answers])
    assert codes == {"invalid_code": 5, "invalid_challenge": PARALLEL - 5}
    right = await second.answer(member.clients[0], token, member.app.recovery_codes[0])
    assert (await right.json())["code"] == "invalid_challenge"


async def test_a_login_begun_here_is_finished_there_with_the_amr_of_both_steps(member: Member) -> None:
    here, there = member.clients
    token = await second.challenge(here, member.person)
    tokens = await (await second.answer(there, token, member.app.recovery_codes[0])).json()
    assert (await here.me(tokens)).status == 200


async def test_adding_an_app_here_ends_the_sessions_there(instances: Instances) -> None:
    here, there = await instances(2)
    person = await here.sign_up()
    thief, mine = await there.log_in(person), await here.log_in(person)
    await second.enrol(here, person, mine, now(), 0)
    assert [(await there.me(one)).status for one in (thief, mine)] == [401, 200]
    assert (await there.refresh(thief)).status == 401


async def test_of_two_enrolments_at_once_one_set_of_recovery_codes_is_good(instances: Instances) -> None:
    clients = await instances(2)
    person = await clients[0].sign_up()
    tokens = await clients[0].log_in(person)
    app = App((await (await second.begin(clients[0], person, tokens)).json())["uri"])
    asked = (second.confirm(one, tokens, app.code(now())) for one in clients * 5)
    answers = await asyncio.gather(*asked)
    (confirmed,) = [answer for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} <= {200, 409, 401}
    for code in (await confirmed.json())["recoveryCodes"]:
        assert (await second.log_in(clients[1], person, code=code)).status == 200


async def test_a_login_that_a_new_factor_overtakes_opens_nothing(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password was right when the account had no second factor, and its session would outlive the change."""
    (client,) = await instances(1)
    person = await client.sign_up()
    mine = await client.log_in(person)
    opened, added = RedisSessions.open, False

    async def open_late(self: RedisSessions, *arguments: Any) -> Any:
        nonlocal added
        if not added:
            added = True
            await second.enrol(client, person, mine, now(), 0)
        return await opened(self, *arguments)

    monkeypatch.setattr(RedisSessions, "open", open_late)
    assert (await second.log_in(client, person)).status == 401
    answer = await client.get("/auth/sessions", **bearer(mine))
    assert len((await answer.json())["sessions"]) == 1


async def test_a_closed_account_takes_its_rows_along(
    member: Member, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    body = {"password": PASSWORD, "code": member.app.recovery_codes[0]}
    answer = await member.clients[0].http.delete("/auth/me", headers=bearer(member.tokens), json=body)
    assert answer.status == 204
    for table in ("totp", "recovery_codes"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - our own names


# --- commands


async def test_an_operator_sees_and_removes_the_factors_of_an_account(member: Member, command: Command) -> None:
    email = member.person["email"]
    status, said, _ = await command("users", "factors", email)
    assert (status, said) == (0, f"authenticator app: since {now():%Y-%m-%d}; passkeys: 0; recovery codes left: 10\n")
    assert (await member.clients[0].me(member.tokens)).status == 200
    assert (await command("users", "factors", email, "--remove"))[:2] == (0, "removed; every session is over\n")
    assert (await member.clients[1].me(member.tokens)).status == 401
    assert (await second.log_in(member.clients[0], member.person)).status == 200
    assert (await command("users", "factors", email, "--remove"))[:2] == (0, "the account has no second factor\n")
    assert (await command("users", "factors", "nobody@example.com"))[0] == 1
    assert (await command("users", "factors", "nobody@example.com", "--remove"))[0] == 1


# --- what it costs those who have none


class Counted:
    """Counts what goes to the stores."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trips = 0
        for kind, names in ((Postgres, ("fetch", "fetchrow", "execute")), (Redis, ("execute_command",))):
            for name in names:
                monkeypatch.setattr(kind, name, self._counting(getattr(kind, name)))
        monkeypatch.setattr(Pipeline, "execute", self._counting(Pipeline.execute))

    def _counting(self, real: Any) -> Any:
        async def counted(*arguments: Any, **named: Any) -> Any:
            self.trips += 1
            return await real(*arguments, **named)

        return counted


async def test_a_login_without_a_second_factor_asks_the_stores_as_often_as_ever(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client,) = await instances(1, throttle={"exempt": []})
    plain, other = await client.sign_up(), await client.sign_up()
    await client.log_in(plain)
    await second.enrol(client, other, await client.log_in(other), now(), 0)
    counted = Counted(monkeypatch)
    await client.log_in(plain)
    # The limits twice, the denylist, the session and its index; the user's row twice.
    assert counted.trips == 7
    counted.trips = 0
    await second.challenge(client, other)
    assert counted.trips > 0


async def test_of_ten_setups_of_a_required_factor_on_two_instances_one_opens_a_session(
    instances: Instances, redis: Redis
) -> None:
    """Half of them under one challenge, the others each under another one."""
    clients = await instances(2, accounts={"second_factor": "required"})
    person = await clients[0].sign_up()
    turns = list(itertools.islice(itertools.cycle(clients), 10))
    shared = await second.challenge(clients[0], person)
    challenges = [shared] * 5 + [await second.challenge(one, person) for one in turns[5:]]
    begun = {token: await _begun(one, token) for one, token in zip(turns, challenges, strict=True)}
    answers = await outcomes(
        *(
            one.post("/auth/login/totp/confirm", {"challenge": token, "code": begun[token].code(now())})
            for one, token in zip(turns, challenges, strict=True)
        )
    )
    assert answers == {200: 1, 401: 9}
    assert len(await redis.keys("th:session:*")) == 1
    said = await (await second.log_in(clients[1], person)).json()
    assert said["factors"] == ["totp", "recovery_code"]


async def _begun(client: Client, challenge: str) -> App:
    answer = await client.post("/auth/login/totp", {"challenge": challenge})
    assert answer.status == 200, await answer.text()
    return App((await answer.json())["uri"])
