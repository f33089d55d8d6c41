"""Skips what libraries import and read on their own, and this service does not use.

Where they are installed, redis-py imports OpenTelemetry's API for metrics of its own, and structlog imports rich for
tracebacks: 130 modules, 6 MB and 40 ms of each start. `tracing.enabled` imports OpenTelemetry itself. aiohttp's client
reads the certificate authorities of the system: 2.5 MB and 17 ms. The service calls nobody over HTTPS with it.
"""

import ssl
import sys
from contextlib import suppress
from importlib import import_module

COMPANIONS = {"redis.observability.metrics": "opentelemetry", "structlog.dev": "rich"}


def skip_optional_imports() -> None:
    """Effective before the first import of these libraries."""
    for library, companion in COMPANIONS.items():
        if companion in sys.modules:
            continue
        sys.modules[companion] = None  # type: ignore[assignment] # to the import system: there is none
        try:
            with suppress(ModuleNotFoundError):  # its place may change: it is the library's own
                import_module(library)
        finally:
            del sys.modules[companion]


def skip_certificate_authorities() -> None:
    """aiohttp's client then trusts no server unless it is given a context: a forgotten one fails closed."""
    load = ssl.SSLContext.load_default_certs
    ssl.SSLContext.load_default_certs = lambda *_: None  # type: ignore[method-assign] # for one import
    try:
        import_module("aiohttp.connector")
    finally:
        ssl.SSLContext.load_default_certs = load  # type: ignore[method-assign] # as it was
