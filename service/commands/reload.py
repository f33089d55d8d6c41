"""SIGHUP: reload the settings of logs and keys, the certificate and the signing keys."""

import asyncio
import signal
from collections.abc import Callable

import structlog

from service.ambient import Ambient
from service.assembly.application import Application
from service.domain.events.security_events import Event
from service.http.server import HttpServer
from service.operator_errors import ConfigurationError
from service.output import OUTPUT
from service.request_log import RequestRecord, Sampled
from service.settings import LoggingSettings, Settings
from service.telemetry import logs

RELOADED = frozenset({"logging", "keys"})  # sections
log = structlog.get_logger(__name__)


class LogWriters:
    """Writes the lines of requests and of security events by the current settings."""

    def __init__(self, settings: LoggingSettings, ambient: Ambient) -> None:
        self._ambient = ambient
        self._log_request = logs.for_requests(settings, ambient)
        self._log_event = logs.for_events(settings, ambient)

    def change(self, settings: LoggingSettings) -> None:
        self.flush()
        logs.configure(settings)
        self._log_request = logs.for_requests(settings, self._ambient)
        self._log_event = logs.for_events(settings, self._ambient)

    def answer(self, settings: LoggingSettings, event: str, level: str, **facts: object) -> None:
        """Log the result of an operator's action, whatever the log level."""
        OUTPUT.write(logs.composed(settings, self._ambient, event, level, **facts))

    def request(self, line: RequestRecord) -> None:
        self._log_request(line)

    def event(self, event: Event) -> None:
        self._log_event(event)

    def flush(self) -> None:
        if isinstance(self._log_request, Sampled):
            self._log_request.flush()


async def reload_when_told(
    application: Application, server: HttpServer, writers: LogWriters, read: Callable[[], Settings]
) -> None:
    """Reload at each SIGHUP. An invalid configuration is logged in one line and changes nothing."""
    reload = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.set)
    while True:
        await reload.wait()
        reload.clear()
        try:
            settings = await asyncio.to_thread(read)
            if server.certificate:
                server.certificate.renew()
        except ConfigurationError as error:
            log.error("configuration refused", reason=str(error))
            continue
        writers.change(settings.logging)
        application.key_rotation.settings = settings.keys
        left = _other_changes(application.settings, settings)
        level = "warning" if left else "info"
        writers.answer(settings.logging, "configuration read again", level, needs_restart=left)
        await application.key_rotation.try_to_maintain()


def _other_changes(old: Settings, new: Settings) -> list[str]:
    """The names of changed settings that need a restart."""
    return [name for name in Settings.model_fields if name not in RELOADED and getattr(old, name) != getattr(new, name)]
