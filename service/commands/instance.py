"""One running instance: its HTTP server, metrics and background tasks, its startup and shutdown."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from service.app import make_app
from service.assembly.application import Application
from service.commands import event_loop, opening
from service.commands.reload import LogWriters, reload_when_told
from service.domain.operations.background import Task
from service.http.server import HttpServer, listen
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings, Settings

if TYPE_CHECKING:
    from service.telemetry.metrics import Listener
    from service.telemetry.tracing import Tracing

DELETE_EVERY = 600.0  # seconds
MAILS_KEPT = timedelta(days=7)  # those that were given up, and those of an inbox
DELIVERIES_KEPT = timedelta(days=14)  # of webhooks; a retry brings one back for as long
log = structlog.get_logger(__name__)


class Instance:
    """`reload` loads the settings again at SIGHUP. `has_inbox`: kept mails are shown to this machine.

    Raises ConfigurationError as its parts do.
    """

    def __init__(
        self,
        application: Application,
        server: ServerSettings,
        writers: LogWriters,
        reload: Callable[[], Settings] | None = None,
        *,
        has_inbox: bool = False,
    ) -> None:
        settings = application.settings
        self._application = application
        self._server = server
        self._writers = writers
        self._reload = reload
        self._tracing = _tracing() if settings.tracing.enabled else None
        self._metrics = _metrics(application) if settings.metrics.enabled else None
        app = make_app(
            application,
            server,
            self._lifespan,
            log_request=self._metrics.before(writers.request) if self._metrics else writers.request,
            middlewares=[self._tracing.middleware] if self._tracing else [],
            add_routes=partial(_add_inbox, application) if has_inbox else lambda _: None,
        )
        self._runner = HttpServer(app, server, application.ambient)

    async def listen(self) -> int:
        """Returns the port. Until the stores are prepared, every call that needs them responds 503."""
        await self._runner.setup()
        port = await listen(self._runner, self._server)
        if self._metrics:
            await self._metrics.open(self._runner)
        return port

    async def serve_until(
        self, stop: asyncio.Event, announce: Callable[[], None], prepare: Callable[[], Awaitable[None]]
    ) -> None:
        """Once it is ready, prepare and announce it. Return when `stop` is set and the drain time is over."""
        starting = asyncio.create_task(opening.open_when_ready(self._application))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()  # an error that waiting cannot fix ends the process here
            log.info(
                "ready",
                host=self._server.host,
                port=self._runner.addresses[0][1],
                event_loop=event_loop.name(),
                password_engine=self._application.passwords.queue.engine.name,
            )
            await prepare()
            _spare_the_collector()
            announce()
        await stopping
        if starting.done():
            await self._drain()
        starting.cancel()

    async def close(self) -> None:
        self._application.readiness.is_closing = True
        await self._runner.cleanup()
        if self._metrics:
            await self._metrics.close()
        if self._tracing:
            await asyncio.to_thread(self._tracing.close)
        self._writers.flush()

    async def _drain(self) -> None:
        """Keep serving until load balancers have noticed that this instance is stopping."""
        self._application.readiness.is_closing = True
        self._runner.wind_down()
        log.info("stopping", drain=self._server.drain.total_seconds())
        await asyncio.sleep(self._server.drain.total_seconds())

    async def _lifespan(self, _: web.Application) -> AsyncIterator[None]:
        background = self._application.background
        running = [
            asyncio.create_task(background.run_forever(task, run)) for task, run in self._background_tasks().items()
        ]
        yield
        for one in running:
            one.cancel()
        await asyncio.wait(running)
        await self._application.close()

    def _background_tasks(self) -> dict[Task, Callable[[], Awaitable[None]]]:
        application = self._application
        tasks: dict[Task, Callable[[], Awaitable[None]]] = {
            "keys": application.key_rotation.run_forever,
            "endings": application.user_revocation.run_forever,
            "audit": application.audit.run_forever,
            "api-key-uses": application.named_api_keys.uses.run_forever,
            "denylist": application.revocation.run_forever,
            "clock": application.readiness.run_forever,
            "tidy": lambda: delete_expired_forever(application),
        }
        if worker := application.mail_worker:
            tasks["mails"] = worker.run_forever
        if webhooks := application.webhook_worker:
            tasks["webhooks"] = webhooks.run_forever
        if reload := self._reload:
            tasks["reload"] = lambda: reload_when_told(application, self._runner, self._writers, reload)
        return tasks


async def delete_expired_forever(application: Application) -> None:
    """Delete what expired of revocations, mails, webhooks, events, changes of addresses and invitations."""
    outbox, deliveries = application.backends.outbox, application.backends.webhook_deliveries
    endpoints = list(application.webhooks.endpoints)
    while True:
        await asyncio.sleep(DELETE_EVERY)
        await application.background.attempt("tidy-revocations", application.revocation.delete_expired)
        await application.background.attempt("tidy-mails", lambda: outbox.delete_expired(MAILS_KEPT))
        await application.background.attempt(
            "tidy-webhooks", lambda: deliveries.delete_expired(DELIVERIES_KEPT, endpoints)
        )
        if application.clock.is_right:  # by which these expire
            await application.background.attempt("tidy-audit", application.audit.delete_expired)
            await application.background.attempt("tidy-email-changes", application.recovery.addresses.delete_expired)
            await application.background.attempt("tidy-invitations", application.invitations.delete_expired)


def _spare_the_collector() -> None:
    """Move everything allocated so far out of the garbage collector's sight, and collect less often.

    The defaults cost about 5 % of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _add_inbox(application: Application, app: web.Application) -> None:
    from service.dev_inbox import pages  # noqa: PLC0415 - only `tokenhouse dev` needs it, and the libraries of mail
    from service.pages.build import build  # noqa: PLC0415 - as above

    face = build(application, application.settings, has_mail=True)
    if not application.settings.pages.enabled:  # then nobody has mounted what the inbox looks like
        face.mount_files(app)
    pages.add_routes(app, application.backends.inbox, face.renderings)


def _tracing() -> "Tracing":
    try:
        from service.telemetry.tracing import Tracing  # noqa: PLC0415 - its libraries are an extra
    except ImportError as error:
        raise ConfigurationError(
            f"tracing.enabled needs the extra `otel` ({error.name} is missing): in the checkout, pip install '.[otel]'"
        ) from None
    return Tracing()


def _metrics(application: Application) -> "Listener":
    from service.telemetry.metrics import Listener  # noqa: PLC0415 - saves 3 MB where metrics are off

    return Listener(application, application.settings.metrics)
