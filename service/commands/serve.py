"""`tokenhouse serve`: listen, prepare the stores, serve until told to stop."""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web

from service import logs
from service.ambient import Ambient
from service.api.server import FrontDoor, listen
from service.app import make_app
from service.domain.ports import ForgottenError
from service.errors import UnavailableError
from service.request_log import RequestLog
from service.settings import Settings
from service.wiring import House, wire

SOON = 0.2  # seconds before a store that is not up yet is asked again
LATEST = 1.0
TIDY_EVERY = 600.0  # seconds
log = structlog.get_logger(__name__)


async def serve(settings: Settings, announce: Callable[[int], None] = lambda _: None) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called with the port once the service is ready.

    Stores that are not up yet are waited for: until then `/healthz` says 200 and `/readyz` 503.
    Raises ConfigurationError when waiting would not help.
    """
    settings.require_stores_and_secret()
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    _allow_connections()
    house = wire(settings, Ambient())

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        chores = [asyncio.create_task(house.key_life.follow()), asyncio.create_task(_tidy(house))]
        yield
        for chore in chores:
            chore.cancel()
        await asyncio.wait(chores)
        await house.close()

    log_request = logs.for_requests(settings.logging, house.services.ambient)
    app = make_app(house.services, settings.server, lifespan, log_request=log_request)
    runner = FrontDoor(app, settings.server, house.services.ambient)
    await runner.setup()
    try:
        port = await listen(runner, settings.server)
        opening = asyncio.create_task(_open(house))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()  # what cannot be mended by waiting ends here
            log.info("ready", host=settings.server.host, port=port)
            announce(port)
        await stopping
        opening.cancel()
    finally:
        house.services.readiness.is_closing = True
        await runner.cleanup()
        if isinstance(log_request, RequestLog):
            log_request.flush()


def _allow_connections() -> None:
    """As many descriptors as the system lets us have; its usual 1024 are fewer than the connections we allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _tidy(house: House) -> None:
    """Keep the table of endings no larger than what may still matter."""
    while True:
        await asyncio.sleep(TIDY_EVERY)
        try:
            await house.endings.forget()
        except house.services.outages as error:
            log.warning("endings not tidied", error=type(error).__name__)


async def _open(house: House) -> None:
    not_yet: tuple[type[Exception], ...] = (*house.services.outages, ForgottenError, UnavailableError)
    pause, told = SOON, ""
    while True:
        try:
            return await house.open()
        except not_yet as error:
            if (name := type(error).__name__) != told:
                log.warning("waiting for Postgres and Redis", error=name)
                told = name
        await asyncio.sleep(pause)
        pause = min(pause * 2, LATEST)
