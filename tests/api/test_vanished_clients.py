"""Clients that go away while their password waits: counted apart, since nobody was refused."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from service.domain.passwords.hash_queue import HashQueue
from tests.api.test_metrics import Watched, watch
from tests.conftest import MakeOnFakes
from tests.support.hash_queues import Clock, GatedEngine
from tests.support.waiting import until

REQUESTS = "http_request_duration_seconds_count"


@pytest.fixture
async def engine() -> AsyncIterator[GatedEngine]:
    engine = GatedEngine(Clock())
    yield engine
    engine.finish(100)


@pytest.fixture
async def watched(on_fakes: MakeOnFakes, engine: GatedEngine) -> AsyncIterator[Watched]:
    """One worker, which hashes when told to."""
    fakes = await on_fakes(passwords={"workers": 1, "engine": "wheel"}, server={"trusted_proxies": ["127.0.0.0/8"]})
    fakes.application.passwords.queue.engine = engine
    async with AsyncExitStack() as closing:
        yield await watch(fakes, closing)


async def knock(port: int, source: str) -> asyncio.StreamWriter:
    """Ask for a login and do not wait for the answer."""
    body = json.dumps({"email": f"{source}@example.com", "password": "Wrong1!x"})
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Forwarded-For: {source}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return writer


async def vanish(writer: asyncio.StreamWriter, queue: HashQueue) -> None:
    """Close a connection whose password waits, as clients do that lose patience."""

    async def is_ready() -> bool:
        return queue._places.ready == 1

    async def is_noticed() -> bool:
        return all(place.visitor.has_hung_up() for place in queue._places.all())

    await until(is_ready)
    writer.close()
    await until(is_noticed)


async def logins(watched: Watched, count: int) -> dict[str, float]:
    """How so many logins were answered."""

    async def all_are_counted() -> bool:
        return sum((await watched.grown({}, REQUESTS)).values()) == count

    await until(all_are_counted)
    return await watched.grown({}, REQUESTS)


async def test_a_client_that_vanishes_in_the_queue_is_no_503(watched: Watched, engine: GatedEngine) -> None:
    queue = watched.fakes.application.passwords.queue
    with capture_logs() as logged:
        stays = await knock(watched.client.port, "192.0.2.1")
        await engine.begin()
        await vanish(await knock(watched.client.port, "192.0.2.2"), queue)
        queue._measured = True  # or this one hash would tell how long they all take
        watched.fakes.ambient.advance(minutes=1)  # so that its turn comes too late
        engine.finish()
        assert await logins(watched, 2) == {"POST /auth/login 401": 1, "POST /auth/login 499": 1}
    assert sorted(line["status"] for line in logged if line["event"] == "request") == [401, 499]
    assert (queue.abandoned, queue.refused) == (1, 0)
    stays.close()


async def test_a_client_that_resets_its_connection_is_not_hashed_for(watched: Watched, engine: GatedEngine) -> None:
    stays = await knock(watched.client.port, "192.0.2.1")
    await engine.begin()
    leaves = await knock(watched.client.port, "192.0.2.2")
    queue = watched.fakes.application.passwords.queue

    async def is_ready() -> bool:
        return queue._places.ready == 1

    async def is_noticed() -> bool:
        return all(place.visitor.is_gone() for place in queue._places.all())

    await until(is_ready)
    leaves.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    leaves.transport.abort()
    await until(is_noticed)
    engine.finish()
    assert await logins(watched, 2) == {"POST /auth/login 401": 1, "POST /auth/login 499": 1}
    assert len(engine.order) == 1
    stays.close()


async def test_a_client_that_vanished_before_it_had_to_give_way_is_no_503(
    watched: Watched, engine: GatedEngine
) -> None:
    queue = watched.fakes.application.passwords.queue
    queue.hash_seconds = 1000.0  # room for one that runs and one that waits
    stays = [await knock(watched.client.port, "192.0.2.1")]
    await engine.begin()
    await vanish(await knock(watched.client.port, "192.0.2.2"), queue)
    stays.append(await knock(watched.client.port, "192.0.2.3"))
    assert await logins(watched, 1) == {"POST /auth/login 499": 1}
    engine.finish(2)
    assert await logins(watched, 3) == {"POST /auth/login 401": 2, "POST /auth/login 499": 1}
    assert (queue.abandoned, queue.refused) == (1, 0)
    for writer in stays:
        writer.close()
