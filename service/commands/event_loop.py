"""The event loop that a command runs on: uvloop, or asyncio's own where uvloop is not installed."""

import asyncio
from collections.abc import Callable

from service.operator_errors import ConfigurationError
from service.settings import EventLoop


def runner(wanted: EventLoop) -> asyncio.Runner:
    """Raises ConfigurationError when uvloop is asked for by name and is not installed."""
    return asyncio.Runner(loop_factory=factory(wanted))


def name() -> str:
    """The package of the running loop: `uvloop` or `asyncio`."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def factory(wanted: EventLoop) -> Callable[[], asyncio.AbstractEventLoop]:
    if wanted == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        if wanted == "uvloop":
            raise ConfigurationError(
                "server.event_loop is uvloop, which is not installed: install it, or set it to auto"
            ) from None
        return asyncio.new_event_loop
    return uvloop.new_event_loop
