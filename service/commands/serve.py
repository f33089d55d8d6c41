"""`tokenhouse serve`: listen, prepare the stores, serve until told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web

from service.ambient import Ambient
from service.api.server import FrontDoor, listen
from service.app import make_app
from service.settings import Settings
from service.wiring import House, wire

SOON = 0.2  # seconds before a store that is not up yet is asked again
LATEST = 1.0
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
    house = wire(settings, Ambient())

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        yield
        await house.close()

    runner = FrontDoor(make_app(house.services, settings.server, lifespan), settings.server, house.services.ambient)
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


async def _open(house: House) -> None:
    pause, told = SOON, ""
    while True:
        try:
            return await house.open()
        except house.services.outages as error:
            if (name := type(error).__name__) != told:
                log.warning("waiting for Postgres and Redis", error=name)
                told = name
        await asyncio.sleep(pause)
        pause = min(pause * 2, LATEST)
