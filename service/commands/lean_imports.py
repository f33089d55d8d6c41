"""Imports libraries without others that they take along where those happen to be installed.

redis-py imports OpenTelemetry's API for metrics of its own, structlog imports rich for tracebacks: 130 modules, 6 MB
and 40 ms of each start. Nothing here uses either; `tracing.enabled` imports OpenTelemetry itself.
"""

import sys
from importlib import import_module

COMPANIONS = {"redis.observability.metrics": "opentelemetry", "structlog.dev": "rich"}


def leave_companions_out() -> None:
    """Effective before the first import of these libraries."""
    for library, companion in COMPANIONS.items():
        if companion in sys.modules:
            continue
        sys.modules[companion] = None  # type: ignore[assignment] # to the import system: there is none
        try:
            import_module(library)
        finally:
            del sys.modules[companion]
