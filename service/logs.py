"""One stream of log lines: JSON for machines, colours for people. Libraries speak through the same mouth."""

import logging
import sys
from typing import Any

import structlog

from service.settings import Logging

SECRET_FIELDS = frozenset(
    {"password", "idToken", "accessToken", "refreshToken", "apiKey", "authorization", "x-api-key", "url"}
)


def configure(settings: Logging) -> None:
    console = settings.format == "console" or (settings.format == "auto" and sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _withhold,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_trace, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level, force=True)


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
