"""What the front door says to hostile and to odd requests."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from service.settings import ServerSettings
from tests.support.http_server import CHUNKED, CREDENTIAL, GET, GOOD, HEAD, MARK, POST, BareServer, opened, until
from tests.support.waiting import PATIENCE


@pytest.fixture
async def bare() -> AsyncIterator[BareServer]:
    async with opened(BareServer(ServerSettings(port=0))) as bare:
        yield bare


REFUSED = {
    "a first line without version": (b"GET /?SECRETMARKER\r\n", 400),
    "a whole HTTP/0.9 head": (b"GET /?SECRETMARKER\r\n\r\n", 400),
    "the version spelled 0.9": (b"GET / HTTP/0.9\r\n" + HEAD + b"\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n", 400),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an unheard-of version": (b"GET / HTTP/1.7\r\n" + HEAD + b"\r\n", 400),
    "another protocol": (b"GET / SECRETMARKER/1.1\r\n" + HEAD + b"\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03SECRETMARKER", 400),
    "an SSH banner": (b"SSH-2.0-SECRETMARKER\r\n", 400),
    "binary noise": (bytes(range(128, 256)) + b"SECRETMARKER\r\n\r\n", 400),
    "lines that end in LF": (b"GET / HTTP/1.1\nHost: x\nAuthorization: Bearer SECRETMARKER\n\n", 400),
    "no target": (b"GET HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a relative target": (b"GET SECRETMARKER HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "raw bytes in the target": (b"GET /SECRETMARKER\xff HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "NUL in the target": (b"GET /SECRETMARKER\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n" + CREDENTIAL + b"\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\n" + HEAD + b"\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: SECRETMARKER\x00\r\n\r\n", 400),
    "CR in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: SECRETMARKER\rX: y\r\n\r\n", 400),
    "a folded header": (GET + b" SECRETMARKER\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : SECRETMARKER\r\n\r\n", 400),
    "a header without colon": (b"GET / HTTP/1.1\r\nHost: x\r\nBearer SECRETMARKER\r\n\r\n", 400),
    "a header without name": (b"GET / HTTP/1.1\r\nHost: x\r\n: SECRETMARKER\r\n\r\n", 400),
    "an old websocket key": (GET + b"Sec-WebSocket-Key1: SECRETMARKER\r\n\r\n", 400),
    "two content lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "a list of content lengths": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "a negative content length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "a content length with a sign": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "a content length past all bounds": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
    "a content length in hexadecimal": (POST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "length and chunks": (CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "chunks twice": (CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks not last": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "an unknown coding": (POST + b"Transfer-Encoding: SECRETMARKER\r\n\r\n", 400),
    "an unknown coding in chunks": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a chunk size that is no number": (CHUNKED + b"SECRETMARKER\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk longer than it says": (CHUNKED + b"1\r\nSECRETMARKER\r\n0\r\n\r\n", 400),
    "an endless chunk size": (CHUNKED + b"f" * 40 + b"\r\n", 400),
    "chunks in LF": (CHUNKED + b"3\nabc\n0\n\n", 400),
    "an unknown expectation": (POST + b"Expect: SECRETMARKER\r\n\r\n", 417),
    "a credential too long": (GET[:-2] + b"SECRETMARKER" * 750 + b"\r\n\r\n", 431),
    "a header name too long": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"SECRETMARKER" * 750 + b": x\r\n\r\n", 431),
    "too many headers": (GET + b"X: SECRETMARKER\r\n" * 63 + b"\r\n", 431),
    "a target too long": (b"GET /" + b"SECRETMARKER" * 750 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    "a head without end": (GET + b"X: y\r\n" * 40 + b"Y: " + b"SECRETMARKER" * 90_000, 431),
    "a proxy's target without host": (b"GET http:/// HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_the_parser_refuses_is_answered_without_quoting_it(
    bare: BareServer, request_bytes: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as logged:
        client = await bare.connect()
        await client.send(request_bytes)
        answer = await client.answer()
        assert await client.closed() == b""
    problem = answer.problem()
    assert answer.status == problem["status"] == status
    assert problem["code"] == "malformed_request"
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["x-request-id"] == problem["requestId"] == logged[0]["request_id"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    assert [line["event"] for line in logged] == ["request malformed"]
    for trace in (str(answer), str(logged), caplog.text):
        assert MARK not in trace
    assert (await bare.ask(GOOD)).status == 200


ODD = {
    "HTTP/1.0 without host": (b"GET / HTTP/1.0\r\n\r\n", 200),
    "a proxy's target": (b"GET http://elsewhere/ HTTP/1.1\r\n" + HEAD + b"\r\n", 200),
    "blank lines first": (b"\r\n\r\n" + GOOD, 200),
    "raw bytes in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\xfe\r\n\r\n", 200),
    "as many headers as may be": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 63 + b"\r\n", 200),
    "the whole server": (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "a tunnel": (b"CONNECT x:80 HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    "a tunnel to a path": (b"CONNECT / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "a websocket": (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + HEAD + b"\r\n", 200),
    "HTTP/2 in the clear": (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + HEAD + b"\r\n", 200),
    "a method nobody knows": (b"BREW / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "a method in small letters": (b"get / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "a method of WebDAV": (b"PROPFIND / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "tracing": (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
}


@pytest.mark.parametrize(("request_bytes", "status"), ODD.values(), ids=ODD.keys())
async def test_odd_requests_are_answered(bare: BareServer, request_bytes: bytes, status: int) -> None:
    answer = await bare.ask(request_bytes)
    assert answer.status == status
    assert "server" not in answer.headers
    assert MARK.encode() not in answer.body
    if status == 405:
        assert answer.headers["allow"] == "GET,HEAD"
    assert (await bare.ask(GOOD)).status == 200


@pytest.mark.parametrize("word", [b"BREW", b"get", b"GET", b"PROPFIND"])
@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n"], ids=["at once", "after a line", "after two lines"])
async def test_a_method_word_may_come_in_pieces(bare: BareServer, word: bytes, before: bytes) -> None:
    client, request = await bare.connect(), before + word + b" /deaf HTTP/1.1\r\n" + HEAD + b"\r\n"
    await client.send(GOOD)
    assert (await client.answer()).status == 200
    connection = bare.connection()
    for end in range(1, len(before + word) + 3):
        for piece in (request[:end], request[end:]):
            received = connection._head_bytes
            await client.send(piece)
            if piece.strip() and piece != request[end:]:
                await until(lambda received=received: connection._head_bytes > received)  # type: ignore[misc] # a loop's own
        answer = await client.answer()
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_a_method_word_may_come_byte_by_byte(bare: BareServer) -> None:
    client = await bare.connect()
    for byte in b"\r\nBREW / HTTP/1.1\r\n":
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    await client.send(HEAD + b"\r\n")
    assert (await client.answer()).status == 405


async def test_a_method_word_without_end_is_malformed(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(b"B" * 64)
    await client.send(b"B" * 64)
    assert (await client.answer()).status == 400


OLD = b"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n" + HEAD + b"\r\n"


async def test_chunks_in_http_1_0_end_the_connection(bare: BareServer) -> None:
    """RFC 9112 section 6.1: their framing is faulty, so nothing behind them is a request."""
    client = await bare.connect()
    await client.send(OLD + b"3\r\nabc\r\n0\r\n\r\n" + GOOD)
    assert (await client.answer()).body == b"abc"
    assert await client.closed() == b""


async def test_no_answer_names_the_software(bare: BareServer) -> None:
    for request in (GOOD, b"GET /nowhere HTTP/1.1\r\n" + HEAD + b"\r\n", b"GET /broken HTTP/1.1\r\n" + HEAD + b"\r\n"):
        answer = await bare.ask(request)
        assert "server" not in answer.headers
        assert "aiohttp" not in str(answer).lower()


async def test_what_escapes_the_application_is_answered_and_logged_without_its_text(bare: BareServer) -> None:
    with capture_logs() as logged:
        answer = await bare.ask(b"GET /broken HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (answer.status, answer.problem()["code"]) == (500, "internal")
    assert [(line["event"], line["error"]) for line in logged] == [("request failed", "LookupError")]
    assert MARK not in str(answer) + str(logged)


async def test_a_request_before_a_malformed_one_gets_its_answer_first(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    await bare.entered.wait()
    await client.send(b"SECRETMARKER\r\n\r\n")
    bare.released.set()
    assert (await client.answer()).body == b"at last"
    assert (await client.answer()).problem()["code"] == "malformed_request"
    assert await client.closed() == b""


async def test_a_chunk_that_breaks_after_the_handler_began_is_refused_at_once(
    bare: BareServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = await bare.connect()
    with capture_logs() as logged:
        await client.send(CHUNKED)
        await bare.entered.wait()
        await client.send(b"SECRETMARKER\r\n")
        answer = await client.answer()
    assert (answer.status, answer.problem()["code"]) == (400, "malformed_request")
    assert await client.closed() == b""
    assert [(line["event"], line["error"]) for line in logged] == [("request malformed", "RequestPayloadError")]
    assert MARK not in str(answer) + str(logged) + caplog.text


async def test_a_body_cut_short_is_not_answered(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(POST + b"Content-Length: 9\r\n\r\nabc")
    await bare.entered.wait()
    client.writer.write_eof()
    assert await client.closed() == b""


async def test_a_client_that_closed_its_own_half_gets_its_answer(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    client.writer.write_eof()
    await bare.entered.wait()
    bare.released.set()
    assert (await client.answer()).body == b"at last"
    assert await client.closed() == b""


async def test_a_body_nobody_reads_does_not_hold_the_connection() -> None:
    bare = BareServer(ServerSettings(port=0))
    bare.runner._kwargs["lingering_time"] = 0.05
    async with opened(bare):
        client = await bare.connect()
        await client.send(b"POST /deaf HTTP/1.1\r\n" + HEAD + b"Content-Length: 16000\r\n\r\nabc")
        assert (await client.answer()).status == 200
        assert await client.closed() == b""


async def test_a_chunk_that_breaks_after_the_answer_just_ends_the_connection(bare: BareServer) -> None:
    client = await bare.connect()
    with capture_logs() as logged:
        await client.send(CHUNKED.replace(b"/echo", b"/deaf"))
        assert (await client.answer()).status == 200
        await client.send(b"SECRETMARKER\r\n")
        assert await client.closed() == b""
    assert logged == []


async def test_a_client_that_waits_to_be_told_to_go_on_is_told(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"hi")
    assert (await client.answer()).body == b"hi"
