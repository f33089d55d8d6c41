"""What an instance that stops does with what it has received."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.settings import ServerSettings
from tests.support.http_server import GOOD, HEAD, BareServer, Client, opened, until
from tests.support.waiting import PATIENCE


@pytest.fixture
async def bare() -> AsyncIterator[BareServer]:
    async with opened(BareServer(ServerSettings(port=0))) as bare:
        yield bare


def knock(bare: BareServer, count: int, request: bytes) -> list[socket.socket]:
    """Connections with a whole request that the server has had no turn of the loop to see."""
    callers = [socket.create_connection(("127.0.0.1", bare.port)) for _ in range(count)]
    for caller in callers:
        caller.sendall(request)
    return callers


async def said_to(caller: socket.socket) -> bytes:
    """All until the end; a reset raises."""
    with caller:
        caller.settimeout(PATIENCE)
        chunks = iter(lambda: caller.recv(65_536), b"")
        return await asyncio.to_thread(b"".join, chunks)


async def test_stopping_answers_what_was_received_before_it_was_read(bare: BareServer) -> None:
    callers = knock(bare, 100, GOOD)
    await bare.runner.cleanup()
    for caller in callers:
        assert (await said_to(caller)).endswith(b"hello")


async def test_stopping_answers_what_was_received_on_idle_connections(bare: BareServer) -> None:
    clients = [await bare.connect() for _ in range(100)]
    for client in clients:
        await client.send(GOOD)
        assert (await client.answer()).body == b"hello"
    for client in clients:
        client.writer.write(GOOD)
    await bare.runner.cleanup()
    for client in clients:
        assert (await client.answer()).body == b"hello"
        assert await client.closed() == b""


async def test_stopping_answers_requests_that_wait_behind_another(bare: BareServer) -> None:
    [caller] = knock(bare, 1, b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n" + GOOD * 3)
    await bare.entered.wait()
    stopping = asyncio.create_task(bare.runner.cleanup())
    await until(lambda: bare.connection()._ending)
    caller.sendall(GOOD)  # too late
    bare.released.set()
    await stopping
    said = await said_to(caller)
    assert (said.count(b"at last"), said.count(b"hello"), said.count(b"Connection: close")) == (1, 3, 1)


async def test_stopping_is_not_held_up_by_who_says_nothing_or_half_of_it() -> None:
    async with opened(BareServer(ServerSettings(port=0, shutdown_timeout=10 * timedelta(seconds=PATIENCE)))) as bare:
        for said in (b"", GOOD[:20]):
            for caller in knock(bare, 10, said):
                bare.clients.append(Client(*await asyncio.open_connection(sock=caller)))
        async with asyncio.timeout(PATIENCE):
            await bare.runner.cleanup()
        for client in bare.clients:
            assert await client.closed() == b""
