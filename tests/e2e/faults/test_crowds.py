"""Many clients at once: some leave before their answer, all come back together after an outage."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.embedded import Stores
from tests.conftest import Client, bearer
from tests.support.fault_instances import Instance
from tests.support.outages import Scene, recovers
from tests.support.waiting import until

LEAVE = 1000
AT_ONCE = 50
PEOPLE = 8
HERD = 300
PATIENT = {  # what is asked here is who gets which answer, and not how soon on a busy machine
    "redis": dict.fromkeys(("command_timeout", "acquire_timeout", "connect_timeout"), "20s"),
    "database": dict.fromkeys(("command_timeout", "acquire_timeout"), "20s"),
}


@dataclass(frozen=True)
class Person:
    user_id: str
    api_key: str
    tokens: dict[str, Any]

    def requests(self) -> Sequence[bytes]:
        """As they travel: with an id token, with an API key, and a refresh."""
        token = f"Authorization: {bearer(self.tokens)['Authorization']}"
        body = f'{{"refreshToken":"{self.tokens["refreshToken"]}"}}'
        return [
            f"GET /auth/me HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n".encode(),
            f"GET /auth/me HTTP/1.1\r\nHost: x\r\nx-api-key: {self.api_key}\r\n\r\n".encode(),
            f"GET /auth/sessions HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n".encode(),
            (
                "POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
        ]


async def arrive(client: Client) -> Person:
    sent = await client.sign_up()
    return Person(sent["userId"], sent["apiKey"], await client.log_in(sent))


async def leave(port: int, request: bytes, turns: int) -> None:
    """Ask, and be gone after so many turns of the loop: some before they were read, some after their answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    for _ in range(turns):
        await asyncio.sleep(0)
    writer.transport.abort()


async def stay(client: Client, person: Person, *, with_key: bool) -> None:
    headers = {"x-api-key": person.api_key} if with_key else bearer(person.tokens)
    answer = await client.get("/auth/me", **headers)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["userId"] == person.user_id


async def test_a_thousand_clients_that_leave_early_shift_nobody_s_answer(instance: Instance) -> None:
    """On connections of their own to stores that all share."""
    client = await instance(throttle={"refresh_token": "10000/1m"}, tokens={"algorithm": "ES256"}, **PATIENT)
    people = await asyncio.gather(*(arrive(client) for _ in range(PEOPLE)))
    for first in range(0, LEAVE, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        await asyncio.gather(
            *(leave(client.port, people[n % PEOPLE].requests()[n // PEOPLE % 4], turns=n % 41) for n in numbers),
            *(stay(client, people[n % PEOPLE], with_key=n % 3 == 0) for n in numbers),
        )
    for person in people:
        assert (await client.refresh(person.tokens)).status == 200
        await stay(client, person, with_key=False)


async def test_those_refused_together_are_told_to_come_back_apart(scene: Scene) -> None:
    scene.redis.kill()
    answers = await asyncio.gather(*(scene.client.me(scene.tokens) for _ in range(HERD)))
    assert {answer.status for answer in answers} == {503}
    waits = [answer.headers["Retry-After"] for answer in answers]
    assert {waits.count(seconds) > HERD / 6 for seconds in ("1", "2", "3")} == {True}
    assert len(set(waits)) == 3
    scene.redis.start()
    await recovers(scene)


@pytest.mark.faults
async def test_a_herd_that_comes_back_to_an_empty_redis_has_it_restored_once(
    own: Stores, scene: Scene, instance: Instance
) -> None:
    clients = [scene.client, await instance()]
    assert (await scene.client.log_out(scene.spare)).status == 200
    own.redis.kill()
    shutil.rmtree(own.redis.data)
    own.redis.start()

    async def herd() -> set[int]:
        asked = [clients[number % 2].me(scene.spare if number % 3 else scene.tokens) for number in range(HERD // 3)]
        return {answer.status for answer in await asyncio.gather(*asked)}

    async def all_are_judged() -> bool:
        statuses = await herd()
        assert statuses <= {200, 401, 503}
        return statuses == {200, 401}

    with capture_logs() as logged:
        await until(all_are_judged)
    assert [line["event"] for line in logged].count("sys_denylist_restored") == 1
