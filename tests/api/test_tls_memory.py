"""What HTTPS by the service itself takes in memory for each connection."""

import gc
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from service.http.tls import BUFFER, TlsProtocol
from tests.api.test_tls import connect, settings, trusting
from tests.support.http_server import GOOD, HEAD, BareServer, ms, opened, until


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[BareServer]:
    async with opened(BareServer(settings(tmp_path))) as bare:
        yield bare


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ref[TlsProtocol]]:
    """Every TLS layer that the server makes, as long as it is there."""
    seen: list[ref[TlsProtocol]] = []

    class Watched(TlsProtocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            seen.append(ref(self))

    monkeypatch.setattr("service.http.server.TlsProtocol", Watched)
    return seen


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is in a cycle stays, as it does for long in an instance whose collector is spared."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_a_connection_takes_little_memory_from_its_first_byte_on(bare: BareServer) -> None:
    silent: list[Any] = [bare.door()]
    tracemalloc.start()
    silent += [bare.door() for _ in range(50)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for one in silent:
        one.connection_lost(None)
    assert BUFFER < taken / len(silent) < 2 * BUFFER


async def test_what_is_received_while_nothing_is_read_is_bounded(
    bare: BareServer, tmp_path: Path, made: list[ref[TlsProtocol]]
) -> None:
    client = await connect(bare, trusting(tmp_path))
    await client.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    await bare.entered.wait()
    client.writer.write(GOOD * 40_000)
    sealed: Any = made[-1]()
    await until(lambda: sealed._ssl_reading_paused)
    assert sealed._incoming.pending <= 2 * BUFFER
    bare.released.set()
    assert (await client.answer()).body == b"at last"
    assert (await client.answer()).body == b"hello"


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("sent", [b"", HELLO, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x02\x01\x00" * 9])
@pytest.mark.parametrize("leaves", [True, False], ids=["who leaves", "who stays"])
async def test_a_handshake_that_fails_leaves_nothing_behind(
    tmp_path: Path,
    made: list[ref[TlsProtocol]],
    sent: bytes,
    leaves: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with opened(BareServer(settings(tmp_path, header_timeout=ms(5_000 if leaves else 50)))) as bare:
        for _ in range(3):
            client = await bare.connect()
            await client.send(sent)
            if leaves:
                client.writer.close()
            else:
                await client.closed()
        await until(lambda: len(made) == 3 and not any(one() for one in made))


@pytest.mark.usefixtures("no_collector")
async def test_a_certificate_that_the_client_refuses_leaves_nothing_behind(
    bare: BareServer, made: list[ref[TlsProtocol]]
) -> None:
    for _ in range(3):
        with pytest.raises(ssl.SSLError):
            await connect(bare, ssl.create_default_context())
    await until(lambda: len(made) == 3 and not any(one() for one in made))
