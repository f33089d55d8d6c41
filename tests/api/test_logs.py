"""What the log says, and that nobody has to wait for whoever reads it."""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from service.domain.events.security_events import Event, Name, Outcome, write
from service.domain.operations.readiness import ReadinessReport
from service.domain.operations.store_watch import StoreWatch
from service.http.admission import RawErrors
from service.operator_errors import ConfigurationError
from service.output import OUTPUT, Output, notice
from service.request_log import RequestLog, RequestRecord, note_trace
from service.settings import LoggingSettings
from service.stores.failures import store_of
from service.telemetry import logs
from tests.support.builders import FakeAmbient

TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = LoggingSettings(format="json")


class Pipe:
    """Stands for standard output; nobody reads it until `drain`."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.drained = bytearray()

    def fileno(self) -> int:
        return self.writer

    def drain(self) -> None:
        while not self.drained.endswith(b"end\n"):
            self.drained += os.read(self.reader, 1 << 20)

    def told(self) -> list[int]:
        """The numbers of missing lines that were told."""
        return [json.loads(line)["lines"] for line in self.drained.splitlines() if line.startswith(b'{"event"')]


def configure(ambient: FakeAmbient) -> None:
    logs.configure(JSON, ambient)
    structlog.configure(cache_logger_on_first_use=False)  # for the tests that come after this one


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.writer)
    os.close(pipe.reader)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def lines() -> list[dict[str, Any]]:
        assert OUTPUT.settle()
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    configure(FakeAmbient())
    yield lines
    logging.basicConfig(handlers=[], force=True)


def test_a_reader_that_stalls_keeps_no_writer_waiting_and_hears_what_it_missed(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", pipe)
    output = Output(300_000)
    line = b"x" * 99 + b"\n"
    for _ in range(10_000):
        output.write(line)
    assert 6_000 <= output.dropped <= 7_000
    assert not output.settle(patience=0.01)
    reading = threading.Thread(target=pipe.drain, daemon=True)
    reading.start()
    assert output.settle(patience=20)
    output.write(b"end\n")
    reading.join(20)
    assert pipe.drained.count(line) == 10_000 - output.dropped
    assert sum(pipe.told()) == output.dropped


def test_what_is_dropped_while_nothing_waits_is_told_without_another_line(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", pipe)
    output = Output(100)
    output.write(b"x\n" * 100)
    assert output.settle(patience=20)
    os.write(pipe.writer, b"end\n")
    pipe.drain()
    assert pipe.told() == [100]


def test_a_notice_needs_no_room_and_lines_lost_meanwhile_are_told_by_the_next(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", pipe)

    def compose_while_others_fill_the_room(missing: int) -> bytes:
        output.write(b"y" * 99 + b"\n")
        output.write(b"z\n" * (60 if missing == 100 else 0))
        return notice(missing)

    output = Output(100, compose_while_others_fill_the_room)
    output.write(b"x\n" * 100)
    assert output.settle(patience=20)
    os.write(pipe.writer, b"end\n")
    pipe.drain()
    assert sum(pipe.told()) == output.dropped >= 160


def test_a_notice_that_could_not_be_written_is_written_with_the_next_line(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    output = Output(100)
    output.write(b"x\n" * 100)
    output.write(b"lost\n")
    assert output.settle(patience=20)
    monkeypatch.setattr("sys.stdout", pipe)
    output.write(b"written\n")
    assert output.settle(patience=20)
    os.write(pipe.writer, b"end\n")
    pipe.drain()
    assert pipe.drained.startswith(b"written\n")
    assert pipe.told() == [101]


def test_no_level_and_no_sampling_withholds_how_many_lines_are_missing(
    printed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTPUT, "_most", 10)
    logs.configure(LoggingSettings(format="json", level="ERROR"), FakeAmbient())
    for _ in range(logs.LINES_PER_SECOND + 1):
        OUTPUT.write(b"as good as any other line\n")
        assert OUTPUT.settle(patience=20)
    assert [line["event"] for line in printed()] == ["log lines dropped"] * (logs.LINES_PER_SECOND + 1)


def test_an_output_that_is_closed_loses_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        monkeypatch.setattr("sys.stdout", broken)
        output = Output()
        output.write("one\ntwo\n")
        assert output.settle()
    output.write("three\n")
    assert output.settle()
    assert output.dropped == 3


def test_security_events_are_the_same_lines_by_hand_and_through_structlog(printed: Any) -> None:
    structlog.contextvars.bind_contextvars(request_id="r-1")
    note_trace(f"00-{TRACE}-b7ad6b7169203331-01")
    event = Event(Name.LOGIN_FAILED, Outcome.FAILURE, "wrong_password", source="192.0.2.0/24")
    logs.for_events(JSON, FakeAmbient())(event)
    write(event)
    by_hand, by_structlog = printed()
    structlog.contextvars.clear_contextvars()
    note_trace("")
    assert by_hand.pop("time")[-1] == by_structlog.pop("time")[-1] == "Z"
    assert by_hand == by_structlog
    assert by_hand == {
        "event": "authn_login_fail",
        "level": "warning",
        "outcome": "failure",
        "reason": "wrong_password",
        "source": "192.0.2.0/24",
        "request_id": "r-1",
        "trace_id": TRACE,
    }


def test_above_level_info_failures_alone_are_told(printed: Any) -> None:
    emit = logs.for_events(LoggingSettings(format="json", level="WARNING"), FakeAmbient())
    emit(Event(Name.LOGGED_IN))
    emit(Event(Name.TOKEN_REUSED, Outcome.FAILURE))
    assert [line["event"] for line in printed()] == ["authn_token_reuse"]


def test_what_strangers_can_repeat_is_sampled_and_what_they_cannot_is_not(printed: Any) -> None:
    ambient = FakeAmbient()
    emit = logs.for_events(JSON, ambient)
    for _ in range(30):
        emit(Event(Name.LIMITED, Outcome.FAILURE, "login"))
        emit(Event(Name.RENEWED, Outcome.FAILURE, "unknown"))
        emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, "unknown_email"))
        emit(Event(Name.RENEWED))
    ambient.advance(seconds=1)
    emit(Event(Name.LIMITED, Outcome.FAILURE, "login"))
    lines = printed()
    assert sum(line["event"] == Name.LIMITED for line in lines) == logs.LINES_PER_SECOND + 1
    assert sum(line["event"] == Name.LOGIN_FAILED for line in lines) == 30
    assert sum(line["event"] == Name.RENEWED and line["outcome"] == "success" for line in lines) == 30
    assert sum(line["event"] == Name.RENEWED and line["outcome"] == "failure" for line in lines) == 10
    assert lines[-1]["held_back"] == 20


def test_of_a_flood_of_refusals_ten_lines_a_second_are_told_and_then_how_many_more_there_were(printed: Any) -> None:
    ambient = FakeAmbient()
    configure(ambient)
    refusals = RawErrors(ambient)
    for _ in range(100):
        refusals.render(HTTPStatus.BAD_REQUEST, "BadHttpMessage", None)
    ambient.advance(seconds=1)
    refusals.render(HTTPStatus.BAD_REQUEST, "BadHttpMessage", None)
    lines = printed()
    assert [line["event"] for line in lines] == ["request malformed"] * (logs.LINES_PER_SECOND + 1)
    assert [line.get("held_back") for line in lines[:-1]] == [None] * logs.LINES_PER_SECOND
    assert lines[-1]["held_back"] == 100 - logs.LINES_PER_SECOND
    assert refusals.counts[HTTPStatus.BAD_REQUEST] == 101


def test_a_library_that_repeats_itself_is_sampled(printed: Any) -> None:
    ambient = FakeAmbient()
    configure(ambient)
    asyncio_log = logging.getLogger("asyncio")
    for number in range(500):
        asyncio_log.error("socket.accept() out of system resource\nsocket: %s", number)
        asyncio_log.error(f"something else each time: {number}")
    ambient.advance(seconds=1)
    asyncio_log.error("socket.accept() out of system resource\nsocket: 1")
    lines = printed()
    accepting = [line for line in lines if line["event"].startswith("socket.accept")]
    assert len(accepting) == logs.LINES_PER_SECOND + 1
    assert accepting[-1]["held_back"] == 490
    assert len(lines) <= logs.KINDS_PER_SECOND + 2 * logs.LINES_PER_SECOND + 1


@pytest.mark.parametrize(
    ("sent", "trace_id"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"01-{TRACE}-b7ad6b7169203331-01-more", TRACE),
        ("", None),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        (f'00-{TRACE[:-1]}"-b7ad6b7169203331-01', None),
    ],
)
async def test_a_request_s_line_names_the_trace_of_a_good_traceparent(sent: str, trace_id: str | None) -> None:
    written: list[bytes] = []
    log_request = RequestLog(written.append, FakeAmbient())
    note_trace(sent)
    log_request(RequestRecord("r-1", "GET", "/auth/me", 200, 1.25))
    log_request.flush()
    line = json.loads(written[0])
    assert line.get("trace_id") == trace_id
    assert line["request_id"] == "r-1"


class Down:
    """Readiness, told what to say."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)

    async def state(self) -> ReadinessReport:
        return ReadinessReport("ok", self.words.pop(0))

    def doubt(self) -> None:
        """It says what it is told to, whatever failed."""


async def test_an_outage_is_told_when_it_begins_when_it_changes_and_when_it_is_over() -> None:
    ambient, down = FakeAmbient(), Down("no answer", "no answer", "loading", "ok")
    watch = StoreWatch(down, ambient, store_of, every=0)  # type: ignore[arg-type] # as much of it as is asked
    with capture_logs() as logged:
        for _ in range(100):
            watch.note(RedisConnectionError())
        ambient.advance(seconds=7)
        for _ in range(20):
            await asyncio.sleep(0)
        await watch.close()
        watch.note(TimeoutError())
        await watch.close()
    assert [line["event"] for line in logged] == [
        "a store does not answer",
        "stores not ready",
        "stores not ready",
        "the stores answer again",
        "a store does not answer",
    ]
    assert [line.get("redis") for line in logged] == [None, "no answer", "loading", None, None]
    assert [line.get("store") for line in logged] == ["redis", None, None, None, "postgres"]
    assert logged[3]["refused"] == 100


async def test_what_waiting_does_not_mend_is_told_with_what_would() -> None:
    watch = StoreWatch(Down("ok"), FakeAmbient(), store_of, every=0)  # type: ignore[arg-type] # as much of it as is asked
    with capture_logs() as logged:
        watch.note(ConfigurationError("set this right"))
        await watch.close()
    assert logged == [
        {"event": "a store cannot be used", "log_level": "error", "store": "postgres", "why": "set this right"}
    ]
