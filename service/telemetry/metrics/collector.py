"""All metrics of one instance, in Prometheus's text format."""

import asyncio
import platform
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from service.assembly.application import Application
from service.domain.operations.readiness import ReadinessReport
from service.http.server import HttpServer
from service.telemetry.metrics import catalog, readings
from service.telemetry.metrics.counters import EventCounters, Requests
from service.telemetry.metrics.loop_lag import LoopLag
from service.version import installed_version


class MetricsCollector(Collector):
    """Pass every request to `requests.note`. It subscribes to events itself, and reads the rest at each scrape."""

    def __init__(self, application: Application) -> None:
        self.requests = Requests()
        self.lag = LoopLag()
        self.server: HttpServer | None = None  # whose connections are counted, once it is open
        self._application = application
        self._happenings = EventCounters()
        self._read: Sequence[Metric] = ()
        self._build = installed_version() or "unknown", platform.python_version()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        application.events.add(self._happenings.on_event)

    async def text(self) -> bytes:
        """In Prometheus's text format 0.0.4.

        Values are read here and formatted in a thread: formatting takes ten milliseconds and is not urgent.
        """
        self._read = list(self._measures(await self._application.readiness.state()))
        return await asyncio.to_thread(generate_latest, self._registry)

    def collect(self) -> Sequence[Metric]:
        return self._read

    def _measures(self, state: ReadinessReport) -> Iterator[Metric]:
        application = self._application
        yield catalog.BUILD.labelled({self._build: 1})
        yield catalog.READY.single(state.is_ready)
        yield catalog.LAG.histogram({(): self.lag.lags})
        yield catalog.WORST_LAG.single(self.lag.take_worst())
        yield from self.requests.collect()
        yield from self._happenings.collect()
        if self.server:
            yield from readings.of_the_server(self.server)
        yield from readings.of_losses(application.audit)
        yield readings.of_background(application.background)
        yield from readings.of_passwords(application.passwords.queue)
        yield from readings.of_rotation(application.rotation)
        yield from readings.of_limits(application.throttle)
        yield from readings.of_denylist(application.denylist)
        yield from readings.of_mails(application.mail_worker)
        yield from readings.of_migration(application.login.migration)
        yield from readings.of_webhooks(application.webhook_worker, application.webhooks.endpoints)
        yield from readings.of_stores(application.backends, application.redis_health, state)
        yield from readings.of_keys(application.keys, application.key_rotation.settings, application.ambient.now())
