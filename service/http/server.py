"""The HTTP server: aiohttp's, with connection limits and deadlines."""

import asyncio
import errno
import os
import select
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from socket import socket
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.web_protocol import _RequestHandler

from service.ambient import Ambient
from service.http.admission import FIELD_LIMIT, FIELDS_LIMIT, TARGET_LIMIT, ConnectionLimiter, RawErrors
from service.http.closing import LINGER_SECONDS
from service.http.connection import Connection
from service.http.context import Answer
from service.http.known_routes import with_known_routes
from service.http.tls import HSTS, Certificate, NullLimiter, TlsConnection, TlsProtocol
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings

BACKLOG = 1024
LAST_LOOK_SECONDS = 1.0  # to read the kernel's queues at shutdown: input may keep arriving
TURNS_TO_ACCEPT = 5  # of the event loop, until an accepted connection awaits its request
AT_ONCE = 32  # connections accepted in one turn of the loop: each has a descriptor before it can be refused


class HttpServer(web.AppRunner):
    """Runs an application with the limits and deadlines of the `server` settings.

    Raises ConfigurationError for an unusable certificate.
    """

    def __init__(self, app: web.Application, settings: ServerSettings, ambient: Ambient | None = None) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            lingering_time=LINGER_SECONDS,
            max_line_size=TARGET_LIMIT,
            max_field_size=FIELD_LIMIT,
            max_headers=FIELDS_LIMIT,
            keepalive_timeout=settings.keepalive_timeout.total_seconds(),
            shutdown_timeout=settings.shutdown_timeout.total_seconds(),
        )
        self._settings = settings
        self.certificate = Certificate(settings) if settings.tls_certificate else None
        self.limiter = ConnectionLimiter(settings)
        self.refusals = RawErrors(ambient or Ambient(), HSTS if self.certificate else {})
        app.on_response_prepare.append(_without_banner)

    def wind_down(self) -> None:
        """Keep serving, but close each connection with its next response."""
        if isinstance(self.server, _ConnectionFactory):
            self.server.is_winding_down = True

    async def cleanup(self) -> None:
        """Respond to every complete request, then stop."""
        self.wind_down()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_LOOK_SECONDS):
                await self._read_what_came()
        await super().cleanup()

    async def _read_what_came(self) -> None:
        """Drain the kernel's queues: connections not accepted yet, and unread input of open ones."""
        quiet = 0
        while quiet < TURNS_TO_ACCEPT:
            quiet = 0 if _readable(self._sockets()) else quiet + 1
            await asyncio.sleep(0)

    def _sockets(self) -> Iterator[socket]:
        for site in self.sites:
            yield from _listening(site)
        for connection in self.server.connections if self.server else ():
            if isinstance(connection, Connection) and (held := connection.socket):
                yield held

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        plain.request_handler = with_known_routes(self.app, plain.request_handler)
        return _ConnectionFactory(plain, self._settings, self.limiter, self.refusals, certificate=self.certificate)


async def listen(
    runner: HttpServer,
    settings: ServerSettings,
    *,
    host_setting: str = "TOKENHOUSE_SERVER__HOST",
    port_setting: str = "TOKENHOUSE_SERVER__PORT (or PORT)",
) -> int:
    """Open the port of a runner that is set up; returns the port, which the system chooses when the setting is 0.

    Raises ConfigurationError, which names the setting, when the address cannot be bound.
    """
    site = web.TCPSite(runner, settings.host, settings.port, backlog=AT_ONCE, reuse_port=False)
    try:
        await site.start()
        for listening in _listening(site):
            with socket(fileno=os.dup(listening.fileno())) as twin:  # uvloop's own objects can do neither
                twin.listen(BACKLOG)  # asyncio uses one number for the backlog and for AT_ONCE
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        if error.errno == errno.EADDRINUSE:
            fault = f"{where} is in use; set {port_setting} to a free port"
        elif error.errno == errno.EACCES:
            fault = f"{where} needs rights this process lacks; set {port_setting} above 1023"
        else:
            fault = f"{where} cannot be listened on; set {host_setting} to an address of this machine"
        raise ConfigurationError(fault) from None
    return site.port


def _listening(site: web.BaseSite) -> Sequence[socket]:
    """The sockets of a site, or what stands for them (uvloop): each has a descriptor."""
    server = site._server  # noqa: SLF001 - aiohttp does not show its sockets
    return server.sockets if server is not None else ()  # type: ignore[attr-defined] # as every loop's server has


async def _without_banner(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)


class _ConnectionFactory(web.Server):
    """Creates the connections and holds their shared objects."""

    def __init__(
        self,
        plain: web.Server,
        settings: ServerSettings,
        limiter: ConnectionLimiter,
        refusals: RawErrors,
        *,
        certificate: Certificate | None = None,
    ) -> None:
        # AppRunner put the arguments together; its debug mode would show tracebacks to the caller.
        arguments = {**plain._kwargs, "debug": False}  # noqa: SLF001 - aiohttp has no other way in
        super().__init__(self._unless_unfit(plain.request_handler), request_factory=plain.request_factory, **arguments)
        self.limiter = limiter
        self._refusals = refusals
        self._header_timeout = settings.header_timeout.total_seconds()
        self._certificate = certificate
        self._inside = NullLimiter(settings)
        self.is_winding_down = False

    def __call__(self) -> web.RequestHandler:
        if self._certificate is None:
            return self._connection(Connection, self.limiter)
        make_connection = partial(self._connection, TlsConnection, self._inside)
        # The event loop takes any protocol; aiohttp's signature wants its own class.
        return cast(
            "web.RequestHandler",
            TlsProtocol(
                make_connection,
                self._certificate,
                limiter=self.limiter,
                refusals=self._refusals,
                patience=self._header_timeout,
                loop=self._loop,
            ),
        )

    def _connection(self, kind: type[Connection], limiter: ConnectionLimiter) -> Connection:
        return kind(self, limiter, self._refusals, self._header_timeout, loop=self._loop, **self._kwargs)

    def _unless_unfit(self, answer: _RequestHandler) -> Answer:
        """Refuse HTTP/0.9, unknown transfer codings, and expectations, which aiohttp quotes: the parser accepts all."""

        def fit(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            connection = request.protocol
            assert isinstance(connection, Connection)  # noqa: S101 - its server makes no other
            if request.version not in (HttpVersion11, HttpVersion10):
                return connection.final_response(HTTPStatus.BAD_REQUEST, "HttpVersion")
            if request.headers.get(hdrs.EXPECT, "100-continue").lower() != "100-continue":
                return connection.final_response(HTTPStatus.EXPECTATION_FAILED, "Expect")
            if request.headers.get(hdrs.TRANSFER_ENCODING, "chunked").lower() != "chunked":
                return connection.final_response(HTTPStatus.NOT_IMPLEMENTED, "TransferEncoding")
            if request.version == HttpVersion10 and hdrs.TRANSFER_ENCODING in request.headers:  # RFC 9112 section 6.1
                return _for_the_last_time(answer, request)
            return _unless_more_waits(answer, request) if self.is_winding_down else answer(request)

        return fit


async def _for_the_last_time(answer: _RequestHandler, request: web.BaseRequest) -> web.StreamResponse:
    response = await answer(request)
    response.force_close()
    return response


async def _unless_more_waits(answer: _RequestHandler, request: web.BaseRequest) -> web.StreamResponse:
    """The last response of the connection, unless more requests are queued behind this one."""
    response = await answer(request)
    if not cast("Connection", request.protocol).has_more:
        response.force_close()
    return response


def _readable(sockets: Iterable[socket]) -> bool:
    """Whether one of them has input to read."""
    poll = select.poll()
    for one in sockets:
        poll.register(one.fileno(), select.POLLIN)
    return bool(poll.poll(0))
