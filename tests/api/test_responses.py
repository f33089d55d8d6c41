"""Answers that go the short way look on the wire like those that go the library's."""

import asyncio

import pytest
from aiohttp import web

from service.http import closing
from service.http.context import REQUEST_ID
from service.http.responses import Response, complete
from service.settings import ServerSettings
from tests.conftest import OnFakes, bearer
from tests.support.http_server import GOOD, POST, BareServer, opened, until
from tests.support.waiting import PATIENCE

ANSWERED_SHORTLY, ANSWERED_BY_THE_LIBRARY = "/healthz", "/.well-known/jwks.json"


async def say(fakes: OnFakes, *requests: str) -> bytes:
    """All that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", fakes.client.port)
    writer.write("".join(f"{request}\r\nHost: x\r\n\r\n" for request in requests).encode())
    async with asyncio.timeout(PATIENCE):
        said = await reader.read()
    writer.close()
    return said


def fields(head: bytes) -> set[bytes]:
    return {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}


@pytest.mark.parametrize("path", [ANSWERED_SHORTLY, ANSWERED_BY_THE_LIBRARY])
async def test_a_connection_is_kept_or_closed_as_the_request_says(fakes: OnFakes, path: str) -> None:
    said = await say(
        fakes, f"GET {path} HTTP/1.1", f"HEAD {path} HTTP/1.1", f"GET {path} HTTP/1.1\r\nConnection: close"
    )
    first, rest = said.split(b"\r\n\r\n", 1)
    assert b"onnection:" not in first
    body = rest[: rest.index(b"HTTP/1.1")]
    length = f"Content-Length: {len(body)}".encode()
    second, rest = rest[len(body) :].split(b"\r\n\r\n", 1)
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n"), "an answer to HEAD has no body"
    third, last = rest.split(b"\r\n\r\n", 1)
    assert last == body
    assert all(head.count(length) == 1 for head in (first, second, third))
    assert b"Connection: close" in third


@pytest.mark.parametrize("path", [ANSWERED_SHORTLY, ANSWERED_BY_THE_LIBRARY])
async def test_http_1_0_is_closed_unless_it_asks_otherwise(fakes: OnFakes, path: str) -> None:
    head = (await say(fakes, f"GET {path} HTTP/1.0")).partition(b"\r\n\r\n")[0]
    assert b"keep-alive" not in head
    two = await say(fakes, f"GET {path} HTTP/1.0\r\nConnection: keep-alive", f"GET {path} HTTP/1.0")
    assert two.count(b" 200 OK\r\n") == 2
    assert two.count(b"Connection: keep-alive\r\n") == 1


async def test_both_ways_have_the_same_fields(fakes: OnFakes) -> None:
    heads = [
        (await say(fakes, f"GET {path} HTTP/1.0")).partition(b"\r\n\r\n")[0]
        for path in (ANSWERED_SHORTLY, "/openapi.json")
    ]
    assert fields(heads[0]) == fields(heads[1])
    assert b"server" not in fields(heads[0])


async def test_no_content_has_neither_a_body_nor_a_length(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    authorization = bearer(tokens)["Authorization"]
    head, _, body = (
        await say(fakes, f"GET /auth/verify HTTP/1.1\r\nAuthorization: {authorization}\r\nConnection: close")
    ).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert body == b""
    assert b"content-length" not in fields(head)


async def test_what_an_answer_says_itself_is_said_once(fakes: OnFakes) -> None:
    answer = await fakes.client.get("/auth/me")
    for name in (
        "Cache-Control",
        "Content-Security-Policy",
        "X-Request-Id",
        "Date",
        "Content-Type",
        "X-Content-Type-Options",
    ):
        assert len(answer.headers.getall(name)) == 1
    own = web.Response(headers={"Cache-Control": "public"})
    complete(own.headers, "id")
    assert own.headers.getall("Cache-Control") == ["public"]


@pytest.mark.parametrize(
    ("value", "is_sent"),
    [("a", True), ("a\r\nSet-Cookie: b=c", False), ("a\nb", False), ("a\x00b", False), ("a\x7f", False)],
)
async def test_a_value_that_would_end_its_line_is_never_sent(value: str, *, is_sent: bool) -> None:
    async def split(request: web.Request) -> web.StreamResponse:
        request[REQUEST_ID] = "id"
        return Response(body=b"", headers={"X-Own": value})

    app = web.Application()
    app.router.add_get("/", split)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    said = await reader.read()
    writer.close()
    await runner.cleanup()
    assert (b"X-Own: a\r\n" in said) is is_sent
    assert b"Set-Cookie" not in said


async def test_a_client_that_takes_nothing_of_its_answers_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "UNREAD_SECONDS", 0.05)
    async with opened(BareServer(ServerSettings(port=0))) as bare:
        reading, deaf = await bare.connect(), await bare.connect()
        await until(lambda: bare.door.limiter.open == 2)
        body = b"x" * 16_000
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined] # a client that never reads
        deaf.writer.write((POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body) * 1_000)
        await until(lambda: bare.door.limiter.open == 1)
        await reading.send(GOOD)
        assert (await reading.answer()).status == 200
