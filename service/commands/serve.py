"""`tokenhouse serve`: listen, prepare the stores, serve until told to stop."""

import asyncio
import gc
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from service.ambient import Ambient
from service.app import make_app
from service.commands.reload import Voice, reread_when_told
from service.doctor.settings import OTHER_FILES
from service.domain.operations.background import Task
from service.domain.sessions.ports import ForgottenError
from service.errors import ConfigurationError, UnavailableError
from service.http.server import FrontDoor, listen
from service.settings import Server, Settings
from service.stores import failures, inspection
from service.wiring import House, wire

if TYPE_CHECKING:
    from service.telemetry.metrics import Listener
    from service.telemetry.tracing import Tracing

SOON = 0.2  # seconds before a store that is not up yet is asked again
LATEST = 1.0
TIDY_EVERY = 600.0  # seconds
log = structlog.get_logger(__name__)


async def serve(
    settings: Settings,
    announce: Callable[[int], None] = lambda _: None,
    *,
    reread: Callable[[], Settings] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called with the port once the service is ready.

    Stores that are not up yet are waited for: until then `/healthz` says 200 and `/readyz` 503. SIGHUP asks `reread`
    for the settings as they are now. Raises ConfigurationError when waiting would not help.
    """
    settings.require_stores_and_secret()
    stop = _stop_when_told()
    server = _fit_connections(settings.server)
    ambient = Ambient()
    voice = Voice(settings.logging, ambient)
    house = wire(settings, ambient, log_event=voice.event)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        following: dict[Task, Callable[[], Awaitable[None]]] = {
            "keys": house.key_life.follow, "endings": house.user_endings.follow, "audit": house.audit.follow,
            "denylist": house.endings.follow, "tidy": lambda: tidy_forever(house),
            "clock": house.services.readiness.look_forever,
        }  # fmt: skip
        if reread:
            following["reload"] = lambda: reread_when_told(house, runner, voice, reread)
        chores = [asyncio.create_task(house.background.run_forever(task, run)) for task, run in following.items()]
        yield
        for chore in chores:
            chore.cancel()
        await asyncio.wait(chores)
        await house.close()

    tracing = _tracing() if settings.tracing.enabled else None
    middlewares = [tracing.middleware] if tracing else []
    metrics = _metrics(house) if settings.metrics.enabled else None
    log_request = metrics.before(voice.request) if metrics else voice.request
    app = make_app(house.services, server, lifespan, log_request=log_request, middlewares=middlewares)
    runner = FrontDoor(app, server, ambient)
    await runner.setup()
    try:
        port = await listen(runner, server)
        if metrics:
            await metrics.open(runner)
        opening = asyncio.create_task(_open(house))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()  # what cannot be mended by waiting ends here
            log.info("ready", host=settings.server.host, port=port)
            _spare_the_collector()
            announce(port)
        await stopping
        if opening.done():
            await _drain(house, runner, server)
        opening.cancel()
    finally:
        house.services.readiness.is_closing = True
        await runner.cleanup()
        if metrics:
            await metrics.close()
        if tracing:
            await asyncio.to_thread(tracing.close)
        voice.flush()


def _spare_the_collector() -> None:
    """What was made until now stays: it need not be looked at again, nor need the short-lived rest so often.

    Python's own thresholds spend a twentieth of each request on it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _stop_when_told() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM. The second one ends the process at once, as if nobody listened."""
    stop, loop, numbers = asyncio.Event(), asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def begin() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, begin)
    return stop


async def _drain(house: House, runner: FrontDoor, server: Server) -> None:
    """Go on serving until balancers have noticed that they should look elsewhere."""
    house.services.readiness.is_closing = True
    runner.wind_down()
    log.info("stopping", drain=server.drain.total_seconds())
    await asyncio.sleep(server.drain.total_seconds())


def _fit_connections(server: Server) -> Server:
    """Allow ourselves as many descriptors as the system lets us, and no more connections than they suffice for.

    Without a descriptor asyncio could not even turn a client away, and would take none at all for a second.
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


def _tracing() -> "Tracing":
    try:
        from service.telemetry.tracing import Tracing  # noqa: PLC0415 - its libraries are an extra
    except ImportError as error:
        raise ConfigurationError(
            f"tracing.enabled needs the extra `otel` ({error.name} is missing): in the checkout, pip install '.[otel]'"
        ) from None
    return Tracing()


def _metrics(house: House) -> "Listener":
    from service.telemetry.metrics import Listener  # noqa: PLC0415 - 3 MB that those without metrics need not spend

    return Listener(house, house.settings.metrics)


async def tidy_forever(house: House) -> None:
    """Keep the tables of endings and of audit events no larger than what may still matter."""
    while True:
        await asyncio.sleep(TIDY_EVERY)
        await house.background.attempt("tidy-revocations", house.endings.forget)
        await house.background.attempt("tidy-audit", house.audit.tidy)


async def _look_at_redis(house: House) -> None:
    if await inspection.lacks_a_log(house.ground.redis, house.ground.servers):
        log.warning("redis keeps no append-only file", advice="set appendonly yes, or a restart logs everybody out")


def _store_of(error: Exception) -> str:
    forgot = isinstance(error, ForgottenError | UnavailableError)  # Redis answered, and lacks something
    return "redis" if forgot else failures.store_of(error)


async def _open(house: House) -> None:
    not_yet: tuple[type[Exception], ...] = (*house.services.outages, ForgottenError, UnavailableError)
    pause, told = SOON, ("", "")
    while True:
        try:
            await house.open()
            await _look_at_redis(house)
            break
        except not_yet as error:
            if (news := (_store_of(error), type(error).__name__)) != told:
                log.warning("waiting for Postgres and Redis", store=news[0], error=news[1])
                told = news
        await asyncio.sleep(pause)
        pause = min(pause * 2, LATEST)
    await _become_ready(house)


async def _become_ready(house: House) -> None:
    """Return once `/readyz` says so. A store that answers may still be unfit: it evicts, or cannot be written to."""
    told = None
    while not (state := await house.services.readiness.state()).is_ready:
        if state != told:
            log.warning("not ready", postgres=state.postgres, redis=state.redis)
            told = state
        await asyncio.sleep(SOON)
