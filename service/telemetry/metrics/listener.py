"""The port that Prometheus scrapes. It serves the metrics of this instance and nothing else."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog
from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from service.assembly.application import Application
from service.http.server import HttpServer, listen
from service.operator_errors import ConfigurationError
from service.request_log import RequestRecord
from service.settings import MetricsSettings, ServerSettings
from service.telemetry.metrics.collector import MetricsCollector

PATIENCE = timedelta(seconds=1)  # for a scrape in progress at shutdown
log = structlog.get_logger(__name__)


class Listener:
    """A second HTTP server, with the same limits and deadlines as the main one."""

    def __init__(self, application: Application, settings: MetricsSettings) -> None:
        self.meters = MetricsCollector(application)
        self.port = 0
        self._background = application.background
        self._settings = ServerSettings(host=settings.host, port=settings.port, shutdown_timeout=PATIENCE)
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = HttpServer(app, self._settings)
        self._looking: asyncio.Task[None] | None = None

    def before(self, log_request: Callable[[RequestRecord], None]) -> Callable[[RequestRecord], None]:
        """Count a request, then log it."""
        note = self.meters.requests.note

        def both(line: RequestRecord) -> None:
            note(line)
            log_request(line)

        return both

    async def open(self, watched: HttpServer) -> None:
        """Listen, on any free port when the configured one is in use: several instances may share a machine.

        Raises ConfigurationError when the host cannot be bound.
        """
        self.meters.server = watched
        self._looking = asyncio.create_task(self._background.run_forever("loop-lag", self.meters.lag.run_forever))
        await self._runner.setup()
        try:
            self.port = await self._listen(self._settings)
        except ConfigurationError as fault:
            self.port = await self._listen(self._settings.model_copy(update={"port": 0}))
            log.warning("metrics on another port", host=self._settings.host, port=self.port, fault=str(fault))
        else:
            log.info("metrics", host=self._settings.host, port=self.port)

    async def close(self) -> None:
        if self._looking:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await self._runner.cleanup()

    async def _listen(self, settings: ServerSettings) -> int:
        return await listen(
            self._runner, settings, host_setting="TOKENHOUSE_METRICS__HOST", port_setting="TOKENHOUSE_METRICS__PORT"
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE_PLAIN_0_0_4, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=await self.meters.text(), headers=headers)
