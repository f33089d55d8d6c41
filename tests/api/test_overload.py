"""What a client meets while the password queue is full: the same refusal on every way, in its slot, and soon."""

import asyncio
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.testing import capture_logs

from service.app import HASHING_CALLS
from service.http.refusal_pace import RefusalPace
from service.request_log import OverloadSummary, Refusal, RequestRecord, Sampled
from service.settings import LoggingSettings, ServerSettings
from service.telemetry import logs
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support.builders import FakeAmbient
from tests.support.certificates import make_certificate
from tests.support.http_server import until
from tests.support.overloads import BODY, HEAD, Overloaded, overloaded, post
from tests.support.waiting import PATIENCE

PAGE = "https://app.example.com"
LAST = b"Connection: close\r\n"
FOR_EVER = 0.001  # refusals per second: the next slot is beyond the end of the test
PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(passwords={"workers": 1, "engine": "wheel", "max_wait": "1ms"})


@pytest.fixture
async def full(fakes: OnFakes) -> AsyncIterator[Overloaded]:
    async with overloaded(fakes.application, ServerSettings(port=0)) as full:
        yield full


@pytest.fixture
async def slow(fakes: OnFakes) -> AsyncIterator[Overloaded]:
    """The first refusal leaves, two more wait for ever."""
    async with overloaded(fakes.application, ServerSettings(port=0), RefusalPace(FOR_EVER, 2 / FOR_EVER)) as slow:
        assert refused(await slow.ask(post(more=LAST)))
        yield slow


@pytest.fixture(params=["plain", "pages", "tls"])
async def dressed(fakes: OnFakes, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Overloaded]:
    """With settings that add header fields to every response."""
    settings, tls = ServerSettings(port=0), None
    if request.param == "pages":
        settings = ServerSettings(port=0, cors_origins=(PAGE,))
    elif request.param == "tls":
        chain, key = make_certificate(tmp_path)
        settings = ServerSettings.model_validate({"port": 0, "tls_certificate": chain, "tls_key": key})
        tls = ssl.create_default_context(cafile=str(chain))
    async with overloaded(fakes.application, settings) as full:
        full.tls = tls
        yield full


def refused(answer: bytes) -> bool:
    """Whether it is one refusal of the overload and nothing more."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 503 ") and json.loads(body)["code"] == "overloaded"


def undated(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]


def test_the_calls_that_are_refused_early_are_those_of_anyone_that_hash() -> None:
    assert {"/auth/login", "/auth/signup", "/auth/reset", "/auth/email/undo"} == {one.path for one in HASHING_CALLS}


# --- the wire


@pytest.mark.parametrize("path", ["/auth/login", "/auth/signup"])
@pytest.mark.parametrize(
    "head",
    [
        (LAST, b"HTTP/1.1"),
        (b"", b"HTTP/1.0"),
        (LAST + b"Origin: " + PAGE.encode() + b"\r\n", b"HTTP/1.1"),
        (LAST + b"Origin: https://elsewhere.example\r\n", b"HTTP/1.1"),
        (LAST + b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", b"HTTP/1.1"),
    ],
)
async def test_an_early_refusal_has_the_bytes_of_the_applications_own(
    dressed: Overloaded, path: str, head: tuple[bytes, bytes]
) -> None:
    more, version = head
    early = await dressed.ask(post(path, more, version=version))
    assert refused(early)
    assert dressed.seen == []
    own = await dressed.ask(post(f"http://x{path}", more, version=version))  # a target that only the router reads
    assert dressed.seen == [path]
    assert undated(early) == undated(own)
    assert re.search(rb"\r\nRetry-After: [1-9]\d*\r\n", early)
    early_line, own_line = dressed.lines
    assert early_line == own_line


async def test_a_client_without_an_id_of_its_own_gets_one(full: Overloaded) -> None:
    ids = set()
    for more in (b"", b"X-Request-Id: r-2\r\n", b"X-Request-Id: r 2\r\n"):
        request = post(more=more + LAST).replace(b"X-Request-Id: r-1\r\n", b"")
        head, _, body = (await full.ask(request)).partition(b"\r\n\r\n")
        ids.add(request_id := json.loads(body)["requestId"])
        assert b"X-Request-Id: " + request_id.encode() in head
    assert len(ids) == 3
    assert "r-2" in ids


async def test_what_the_first_line_does_not_settle_is_left_to_the_application(full: Overloaded) -> None:
    for request, status in (
        (post("/auth/login?typo=1", LAST), 400),
        (post("/auth/login/", LAST), 404),
        (post("/auth/login", LAST).replace(b"POST", b"GET", 1), 405),
        (post("/auth/login", LAST).replace(b"POST", b"HEAD", 1), 405),
        (post("/auth/login", LAST).replace(b"POST", b"OPTIONS", 1), 405),
        (post("/auth/refresh", LAST, b'{"refreshToken": "rt_none"}'), 401),
        (post("/auth/login?", LAST), 503),
        (post("/auth/%6cogin", LAST), 503),
    ):
        assert (await full.ask(request)).startswith(b"HTTP/1.1 %d " % status)
    assert len(full.seen) == 8


async def test_a_client_that_asks_before_it_sends_the_body_is_told_as_before(full: Overloaded) -> None:
    client = await full.send(post(more=LAST + b"Expect: 100-continue\r\n", body=b""))
    said = await client.closed()
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 ")
    assert full.seen == ["/auth/login"]


async def test_a_clock_that_is_wrong_is_the_reason_that_is_given(full: Overloaded) -> None:
    full.application.clock.note("the clock of this instance")
    body = (await full.ask(post(more=LAST))).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["code"] == "unavailable"


async def test_a_queue_that_is_closed_is_no_overload(full: Overloaded) -> None:
    await full.application.passwords.close()
    body = (await full.ask(post(more=LAST))).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["code"] == "unavailable"


async def test_with_room_in_the_queue_a_login_is_let_in(full: Overloaded) -> None:
    full.free()
    assert (await full.ask(post(more=LAST))).startswith(b"HTTP/1.1 401 ")


# --- the connection


async def test_a_connection_goes_on_after_a_refusal(full: Overloaded) -> None:
    client = await full.connect()
    for _ in range(3):
        await client.send(post())
        assert (await client.answer()).status == 503
    await client.send(PROBE)
    assert (await client.answer()).status == 200


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_a_body_that_nobody_reads_is_not_taken_for_requests(full: Overloaded, coding: str) -> None:
    smuggled = PROBE * 2000
    request = post(body=smuggled)
    if coding == "chunked":
        framing = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(smuggled)
        request = b"POST /auth/login HTTP/1.1\r\n" + HEAD + framing + smuggled + b"\r\n0\r\n\r\n"
    client = await full.send(request + post(more=LAST))
    assert [(await client.answer()).status, (await client.answer()).status] == [503, 503]
    assert await client.closed() == b""
    assert full.seen == []


async def test_requests_behind_a_refused_one_are_answered_in_order(full: Overloaded) -> None:
    client = await full.send(post() + PROBE + post() + PROBE)
    assert [(await client.answer()).status for _ in range(4)] == [503, 200, 503, 200]


async def test_a_body_that_comes_late_is_waited_for_and_discarded(full: Overloaded) -> None:
    request = post()
    client = await full.send(request[: -len(BODY)])
    assert (await client.answer()).status == 503
    await client.send(BODY + PROBE)
    assert (await client.answer()).status == 200


# --- the pace


async def test_a_refusal_waits_for_its_slot_and_other_calls_do_not(slow: Overloaded) -> None:
    waiting = await slow.send(post())
    await until(lambda: slow.pace.waiting == 1)
    for path in (b"/healthz", b"/.well-known/jwks.json"):
        assert (await slow.ask(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n")).startswith(
            b"HTTP/1.1 200 "
        )
    slow.pace.end()
    assert (await waiting.answer()).status == 503


async def test_nobody_who_waits_is_let_in_and_the_wait_that_is_told_is_that_of_its_end(slow: Overloaded) -> None:
    queue = slow.application.passwords.queue
    client = await slow.send(post(more=LAST))
    await until(lambda: slow.pace.waiting == 1)
    queue.hash_seconds = 30.0
    slow.pace.end()
    answer = await client.answer()
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")


async def test_beyond_the_last_slot_a_refusal_comes_at_once_and_closes_the_connection(slow: Overloaded) -> None:
    for number in (1, 2):
        await slow.send(post())
        await until(lambda number=number: slow.pace.waiting == number)  # type: ignore[misc] # mypy takes it for an argument
    for path in ("/auth/login", "/auth/signup", "http://x/auth/login"):
        answer = await slow.ask(post(path))
        assert refused(answer)
        assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_a_client_that_hangs_up_leaves_its_place_to_another_and_is_counted_apart(
    slow: Overloaded, leave: str
) -> None:
    gone = await slow.send(post())
    await slow.send(post())
    await until(lambda: slow.pace.waiting == 2)
    slow.lines.clear()
    if leave == "reset":
        gone.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.writer.transport.abort()
    await until(lambda: slow.pace.waiting == 1)
    await until(lambda: bool(slow.lines))
    assert [line.status for line in slow.lines] == [499]
    await slow.send(post())
    await until(lambda: slow.pace.waiting == 2)


async def test_a_client_that_half_closes_is_answered_without_a_slot(slow: Overloaded) -> None:
    waiting = await slow.send(post())
    await until(lambda: slow.pace.waiting == 1)
    waiting.writer.write_eof()
    assert refused(await waiting.closed())
    with socket.create_connection(("127.0.0.1", slow.port)) as client:  # no turn of the loop before its end
        client.settimeout(PATIENCE)
        client.sendall(post())
        client.shutdown(socket.SHUT_WR)
        assert refused(await asyncio.to_thread(lambda: b"".join(iter(lambda: client.recv(65_536), b""))))


async def test_refusals_behind_a_guard_wait_as_well(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    authorization = f"Authorization: {bearer(tokens)['Authorization']}\r\n".encode()
    async with overloaded(fakes.application, ServerSettings(port=0), RefusalPace(FOR_EVER, 2 / FOR_EVER)) as slow:
        assert refused(await slow.ask(post("/auth/password", LAST + authorization)))
        waiting = await slow.send(post("/auth/password", authorization))
        await until(lambda: slow.pace.waiting == 1)
        slow.pace.end()
        assert (await waiting.answer()).status == 503


async def test_an_instance_that_stops_does_not_wait_for_them(slow: Overloaded) -> None:
    clients = [await slow.send(post()) for _ in range(2)]
    await until(lambda: slow.pace.waiting == 2)
    await slow.runner.cleanup()
    for client in clients:
        assert refused(await client.closed())


# --- what operators see


async def test_each_refusal_is_counted_with_its_route_and_why(full: Overloaded) -> None:
    for path in ("/auth/login", "/auth/login", "/auth/signup"):
        await full.ask(post(path, LAST))
    why = Refusal("overloaded", source="127.0.0.0/24")
    assert full.lines == [
        RequestRecord("r-1", "POST", path, 503, 0.0, why) for path in ("/auth/login", "/auth/login", "/auth/signup")
    ]
    assert full.application.passwords.queue.refused == 3 + 1  # and the one that found the queue full


def overload(route: str, source: str, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> RequestRecord:
    return RequestRecord("r-1", "POST", route, status, 0.1, Refusal("overloaded", source=source))


async def test_one_line_tells_how_many_were_refused_where_and_whence() -> None:
    lines: list[RequestRecord] = []
    write = logs.for_requests(LoggingSettings(format="json"), FakeAmbient())
    assert isinstance(write, Sampled)
    write.write = lines.append
    other = RequestRecord("r-2", "POST", "/auth/login", 503, 0.1, Refusal("unavailable", "TimeoutError"))
    with capture_logs() as log:
        for _ in range(5000):
            write(overload("/auth/login", "192.0.2.0/24"))
        write(overload("/auth/signup", "198.51.100.0/24"))
        write(other)
        write.flush()
        write.flush()
    assert lines == [other]
    assert log == [
        {
            "event": "requests refused",
            "log_level": "warning",
            "code": "overloaded",
            "refused": 5001,
            "routes": {"/auth/login": 5000, "/auth/signup": 1},
            "sources": 2,
            "source": "192.0.2.0/24",
            "of_source": 5000,
        }
    ]


async def test_the_line_is_written_at_level_warning_too() -> None:
    write = logs.for_requests(LoggingSettings(format="json", level="WARNING"), FakeAmbient())
    assert isinstance(write, Sampled)
    with capture_logs() as log:
        write(overload("/auth/login", "192.0.2.0/24"))
        write(RequestRecord("r-2", "GET", "/auth/me", 401, 0.1))
        write.flush()
    assert [line["event"] for line in log] == ["requests refused"]


async def test_the_line_carries_the_id_of_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.request_log.SUMMARY_EVERY", 0.0)
    bound: list[dict[str, Any]] = []
    summary = OverloadSummary()
    monkeypatch.setattr(summary, "flush", lambda: bound.append(get_contextvars()))
    with bound_contextvars(request_id="r-1"):
        summary.add("/auth/login", "192.0.2.0/24")
    await until(lambda: bool(bound))
    assert bound == [{}]


async def test_the_line_comes_by_itself_and_again_while_the_overload_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.request_log.SUMMARY_EVERY", 0.0)
    write = Sampled(lambda _: None, FakeAmbient(), per_second=1)
    with capture_logs() as log:
        for count in (2, 3):
            for _ in range(count):
                write(overload("/auth/login", "192.0.2.0/24"))
            await until(lambda count=count: bool(log) and log[-1]["refused"] == count)  # type: ignore[misc] # as above
    assert [line["refused"] for line in log] == [2, 3]
