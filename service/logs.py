"""One stream of log lines: JSON for machines, colours for people. Libraries speak through the same mouth."""

import logging
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, TextIO, cast

import orjson
import structlog

from service.ambient import Ambient
from service.request_log import Line, RequestLog, say
from service.settings import Logging

SECRET_FIELDS = frozenset(
    {"password", "idToken", "accessToken", "refreshToken", "apiKey", "authorization", "x-api-key", "url"}
)


def configure(settings: Logging) -> None:
    """Our own lines go straight to standard output; those of libraries come in through `logging`, whole but dearer."""
    console = _is_console(settings)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _withhold,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(orjson.dumps)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Output()))
        if console
        else structlog.BytesLoggerFactory(cast("BinaryIO", _Output())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast("TextIO", _Output()))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_trace,
                renderer if console else structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level, force=True)


def for_requests(settings: Logging, ambient: Ambient) -> Callable[[Line], None]:
    """How request lines are written: by the batch in JSON, one by one for people, not at all above level INFO."""
    if settings.level in ("WARNING", "ERROR"):
        return lambda _: None
    return say if _is_console(settings) else RequestLog(_write, ambient)


def _is_console(settings: Logging) -> bool:
    return settings.format == "console" or (settings.format == "auto" and sys.stdout.isatty())


class _Output:
    """Whatever standard output is at the moment: loggers are made once and outlive a redirection of it."""

    def write(self, line: str | bytes) -> int:
        return sys.stdout.write(line) if isinstance(line, str) else sys.stdout.buffer.write(line)

    def flush(self) -> None:
        sys.stdout.flush()


def _write(lines: bytes) -> None:
    _Output().write(lines)
    _Output().flush()


def _withhold(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last net: a field by one of these names is never printed, whoever logged it."""
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "[withheld]"
    return event


def _without_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A library's traceback becomes the exception's class: its text may quote a request or a connection string."""
    if trace := event.pop("exc_info", None):
        kind = trace[0] if isinstance(trace, tuple) else type(trace)
        event["error"] = getattr(kind, "__name__", "unknown")
    return event
