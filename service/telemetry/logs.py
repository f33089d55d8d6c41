"""One stream of log lines: JSON for machines, colours for people. Library loggers write to the same stream."""

import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO, TextIO, cast

import orjson
import structlog

from service.ambient import Ambient
from service.domain.events import security_events
from service.output import DROPPED, OUTPUT
from service.request_log import RequestLog, RequestRecord, Sampled, noted_trace, print_request
from service.settings import LoggingSettings

SECRET_FIELDS = frozenset(
    {"password", "idToken", "accessToken", "refreshToken", "apiKey", "authorization", "x-api-key", "url"}
)
LINES_PER_SECOND = 10  # of the same kind
KINDS_PER_SECOND = 100  # a library's text may differ each time
ONE_BY_ONE = frozenset(
    {"request"} | {name.value for name in security_events.Name} - {name.value for name in security_events.UNBOUNDED}
)


def configure(settings: LoggingSettings, ambient: Ambient | None = None) -> None:
    """Our own lines go straight to the output; those of libraries pass through `logging`, which costs more."""
    console, ambient = _is_console(settings), ambient or Ambient()
    sampling = Sampling(ambient)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _name_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _withhold,
    ]
    renderer = _renderer(settings)
    structlog.configure(
        processors=[sampling.of_ours, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", OUTPUT))
        if console
        else structlog.BytesLoggerFactory(cast("BinaryIO", OUTPUT)),
    )
    handler = logging.StreamHandler(cast("TextIO", OUTPUT))
    handler.addFilter(sampling.of_libraries)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _tell_held_back, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_trace,
                renderer if console else structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level, force=True)
    OUTPUT.compose = lambda missing: composed(settings, ambient, DROPPED, "warning", lines=missing)


def composed(settings: LoggingSettings, ambient: Ambient, event: str, level: str, **facts: object) -> bytes:
    """A line that bypasses level and sampling: the result of an operator's action, or a line that must not be lost."""
    line: dict[str, Any] = {"event": event, "level": level, **facts}
    line["time"] = ambient.now().isoformat().replace("+00:00", "Z")
    text = _renderer(settings)(None, level, line)
    return f"{text}\n".encode() if isinstance(text, str) else cast("bytes", text) + b"\n"


def for_commands() -> None:
    """Commands print results to standard output; their log lines go to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def for_requests(settings: LoggingSettings, ambient: Ambient) -> Callable[[RequestRecord], None]:
    """How request lines are written: in batches as JSON, one by one for people, not at all above level INFO.

    At level WARNING, what is told of an overload still is.
    """
    if settings.level == "ERROR":
        return _discard
    write: Callable[[RequestRecord], None] = _discard
    if settings.level != "WARNING":
        write = print_request if _is_console(settings) else RequestLog(OUTPUT.write, ambient)
    return Sampled(write, ambient, per_second=settings.requests_per_second, probes=settings.probes)


def for_events(settings: LoggingSettings, ambient: Ambient) -> security_events.Sink:
    """How security events are written: as JSON without structlog, which would add 25 us to a login or a refresh."""
    return security_events.write if _is_console(settings) else EventLog(settings, ambient)


def _discard(_: RequestRecord) -> None:
    """For levels at which requests have no line."""


class EventLog:
    """Writes the same lines as `security_events.write`, faster."""

    def __init__(self, settings: LoggingSettings, ambient: Ambient) -> None:
        self._ambient = ambient
        self._sampling = Sampling(ambient)
        self._least = logging.getLevelNamesMapping()[settings.level]

    def __call__(self, event: security_events.Event) -> None:
        is_success = event.outcome is security_events.Outcome.SUCCESS
        if self._least > (logging.INFO if is_success else logging.WARNING):
            return
        line = {"event": event.name.value, "level": "info" if is_success else "warning", **event.facts}
        try:
            self._sampling.of_ours(None, "", line)
        except structlog.DropEvent:
            return
        line.update(structlog.contextvars.get_contextvars())
        _name_trace(None, "", line)
        line["time"] = self._ambient.now().isoformat().replace("+00:00", "Z")
        OUTPUT.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class Sampling:
    """Passes a few lines of a kind each second; the first one in a later second says how many were held back.

    It never holds back requests, nor events that a stranger cannot cause at an arbitrary rate.
    """

    def __init__(self, ambient: Ambient) -> None:
        self._ambient = ambient
        self._second = -1
        self._seen: Counter[str] = Counter()
        self._held_back: Counter[str] = Counter()

    def of_ours(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        kind = str(event["event"])
        if kind not in ONE_BY_ONE and event.get("outcome") != security_events.Outcome.SUCCESS:
            if not self._admits(kind):
                raise structlog.DropEvent
            if held_back := self._held_back.pop(kind, 0):
                event["held_back"] = held_back
        return event

    def of_libraries(self, record: logging.LogRecord) -> bool:
        kind = f"{record.name} {str(record.msg).partition(chr(10))[0]}"
        if not self._admits(kind):
            return False
        record.held_back = self._held_back.pop(kind, 0)
        return True

    def _admits(self, kind: str) -> bool:
        second = int(self._ambient.monotonic())
        if second != self._second:
            self._second = second
            self._seen.clear()
        if kind not in self._seen and len(self._seen) >= KINDS_PER_SECOND:
            kind = ""
        self._seen[kind] += 1
        if self._seen[kind] > LINES_PER_SECOND:
            if kind in self._held_back or len(self._held_back) < KINDS_PER_SECOND:
                self._held_back[kind] += 1
            return False
        return True


def _renderer(settings: LoggingSettings) -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer() if _is_console(settings) else structlog.processors.JSONRenderer(orjson.dumps)


def _is_console(settings: LoggingSettings) -> bool:
    return settings.format == "console" or (settings.format == "auto" and sys.stdout.isatty())


def _withhold(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last safeguard: a field with one of these names is never printed, whichever code logged it."""
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "[withheld]"
    return event


def _name_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if trace_id := noted_trace():
        event["trace_id"] = trace_id
    return event


def _tell_held_back(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if held_back := getattr(event["_record"], "held_back", 0):
        event["held_back"] = held_back
    return event


def _without_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A library's traceback becomes the exception's class: its text may quote a request or a connection string."""
    if trace := event.pop("exc_info", None):
        kind = trace[0] if isinstance(trace, tuple) else type(trace)
        event["error"] = getattr(kind, "__name__", "unknown")
    return event
