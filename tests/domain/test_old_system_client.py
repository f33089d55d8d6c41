"""Questions to old systems that are no friends, or are not there."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from service.domain.transfer.ports import NoOldAnswerError
from service.old_system.client import MOST_BYTES, HttpOldSystem
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.receivers import raw_server, receiver

BRIEF = 0.5  # seconds, for questions that are to fail
LONG = 30.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


async def told(url: str, limit: float = LONG) -> tuple[int, bytes]:
    return await HttpOldSystem(url, limit).ask({"Content-Type": "application/json"}, b'{"a":1}')


async def failure(url: str, limit: float = LONG) -> tuple[str, bool]:
    with pytest.raises(NoOldAnswerError) as raised:
        await told(url, limit)
    assert "hidden" not in str(raised.value)
    return str(raised.value), raised.value.was_reached


async def test_the_question_arrives_as_it_was_signed() -> None:
    async with receiver(status=200) as server:
        assert await told(server.url) == (200, b"")
    ((headers, body),) = server.got
    assert (body, headers["user-agent"], headers["accept-encoding"]) == (b'{"a":1}', "Tokenhouse", "identity")


async def test_no_redirect_is_followed() -> None:
    async with receiver() as elsewhere, receiver(status=307, headers={"Location": elsewhere.url}) as server:
        assert await told(server.url) == (307, b"")
    assert elsewhere.begun == 0


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy, receiver() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await told(server.url))[0] == 204
    assert proxy.begun == 0


async def test_one_that_hangs_is_left_in_time() -> None:
    async with receiver(pause=60.0) as server:
        assert await failure(server.url, BRIEF) == ("no answer within 0.5 s", False)


async def test_one_that_trickles_its_answer_is_left_in_time() -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(HEAD % 10_000)
            while not writer.is_closing():
                begun.set()
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        over.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await failure(f"http://127.0.0.1:{port}/hidden", BRIEF) == ("no answer within 0.5 s", False)
    assert begun.is_set()
    await over.wait()
    server.close()


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
    ],
)
async def test_heads_without_end_are_not_read_further(flood: bytes) -> None:
    """Not until a time is over: while they were parsed, nothing else would be done."""

    def send(writer: asyncio.StreamWriter) -> bool:
        writer.write(flood)
        return True

    async with raw_server(send) as port:
        why, was_reached = await failure(f"http://127.0.0.1:{port}/hidden", LONG)
    assert (why in ("it hung up", "what it answers is no HTTP"), was_reached) == (True, False)


async def test_an_answer_without_end_is_not_read_further() -> None:
    count = 0

    def flood(writer: asyncio.StreamWriter) -> bool:
        nonlocal count
        writer.write(b" " * 65_536 if count else HEAD % (1 << 30))
        count += 1
        return True

    async with raw_server(flood) as port:
        why, was_reached = await failure(f"http://127.0.0.1:{port}/hidden")
    assert (why, was_reached) == (f"its answer is longer than {MOST_BYTES} bytes", True)
    assert count < 1_000  # 64 KB each


@pytest.mark.parametrize("size", [MOST_BYTES, MOST_BYTES + 1])
async def test_an_answer_of_the_longest_size_is_read_whole(size: int) -> None:
    def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD % size + b"x" * size)

    async with raw_server(reply) as port:
        if size > MOST_BYTES:
            assert (await failure(f"http://127.0.0.1:{port}/"))[1]
        else:
            assert await told(f"http://127.0.0.1:{port}/") == (200, b"x" * size)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(b"", "it hung up"), (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "what it answers is no HTTP"), (HEAD % 9 + b"{}", "")],
    ids=["nothing", "no HTTP", "cut off"],
)
async def test_what_is_no_answer_is_told_without_quoting_it(answer: bytes, why: str) -> None:
    def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with raw_server(reply) as port:
        said, was_reached = await failure(f"http://127.0.0.1:{port}/hidden")
    assert said.startswith(why)
    assert "SSH" not in said
    assert not was_reached


async def test_where_nobody_listens_there_is_no_connection() -> None:
    assert await failure(f"http://127.0.0.1:{free_port()}/hidden") == ("no connection to it", False)


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "10.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing is bound
async def test_in_clear_nothing_leaves_this_machine(host: str) -> None:
    with pytest.raises(NoOldAnswerError):
        await told(f"http://{host}:9/hidden", BRIEF)
    with pytest.raises(NoOldAnswerError):
        await HttpOldSystem(f"http://{host}:9/hidden", BRIEF).check()


async def test_a_certificate_is_checked_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain, key)
    async with receiver(tls, status=200) as server:
        url = f"https://127.0.0.1:{server.port}/hidden"
        assert await failure(url) == ("its certificate is not good", False)
        with pytest.raises(NoOldAnswerError, match="certificate"):
            await HttpOldSystem(url, LONG).check()
        assert server.begun == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        assert await told(url) == (200, b"")
        await HttpOldSystem(url, LONG).check()
        assert server.begun == 1  # a check asks nothing


async def test_a_check_tells_that_nobody_listens() -> None:
    with pytest.raises(NoOldAnswerError, match="no connection"):
        await HttpOldSystem(f"https://127.0.0.1:{free_port()}/", LONG).check()
    async with receiver() as server:
        await HttpOldSystem(server.url, LONG).check()
        assert server.begun == 0
