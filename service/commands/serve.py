"""`tokenhouse serve`: listen, prepare the stores, serve until stopped."""

import argparse
import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable

import structlog

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.commands import event_loop
from service.commands.frame import DONE
from service.commands.instance import Instance
from service.commands.reload import LogWriters
from service.doctor.settings import OTHER_FILES
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings, Settings, load
from service.telemetry import logs

log = structlog.get_logger(__name__)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "serve on the Postgres and Redis of the settings"
    commands.add_parser("serve", help=about, description=about).set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    settings = load(asked.config)
    logs.configure(settings.logging)
    with event_loop.runner(settings.server.event_loop) as loop:
        loop.run(serve(settings, reload=lambda: load(asked.config)))
    return DONE


async def nothing(_: Application) -> None:
    """Nothing is to be prepared."""


async def serve(
    settings: Settings,
    announce: Callable[[int], None] = lambda _: None,
    *,
    reload: Callable[[], Settings] | None = None,
    has_inbox: bool = False,
    prepare: Callable[[Application], Awaitable[None]] = nothing,
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called with the port once it is ready and `prepare` is done.

    Waits for stores that are not up yet: until then `/healthz` responds 200 and `/readyz` 503. SIGHUP calls `reload`
    for the current settings. Raises ConfigurationError when waiting would not help.
    """
    settings.require_stores_and_secret()
    stop = _stop_when_told()
    server = _fit_connections(settings.server)
    writers = LogWriters(settings.logging, Ambient())
    application = build(settings, Ambient(), log_event=writers.event)
    instance = Instance(application, server, writers, reload, has_inbox=has_inbox)
    try:
        port = await instance.listen()
        await instance.serve_until(stop, lambda: announce(port), lambda: prepare(application))
    finally:
        await instance.close()


def _stop_when_told() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM. The second one ends the process at once, by its default action."""
    stop, loop, numbers = asyncio.Event(), asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def begin() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, begin)
    return stop


def _fit_connections(server: ServerSettings) -> ServerSettings:
    """Raise the limit of open files to the most the system allows, and fit the connections to it.

    Without a free descriptor asyncio cannot even refuse a client, and accepts none at all for a second.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - OTHER_FILES
    if hard == resource.RLIM_INFINITY or room >= server.max_connections:
        return server
    if room < 1:
        raise ConfigurationError(f"only {hard} files may be open: raise the limit (ulimit -n) to 1024 or more")
    log.warning("connections limited by open files", files=hard, connections=room, wanted=server.max_connections)
    return server.model_copy(update={"max_connections": room})
