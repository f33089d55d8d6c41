"""TLS terminated by the service itself, where no proxy in front does it."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from service.http.admission import ConnectionLimiter, RawErrors, address_of
from service.http.closing import LINGER_SECONDS
from service.http.connection import Connection
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings, require_private

HANDSHAKE_SECONDS = 5.0
BUFFER = 16 * 1024  # bytes: the largest TLS record (RFC 8446 section 5.1)
HSTS = {"Strict-Transport-Security": "max-age=31536000"}  # one year (RFC 6797 section 6.1.1)


class Certificate:
    """The certificate and its key, for new connections."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self.context = self._load()

    def renew(self) -> None:
        """Reload the files. Raises ConfigurationError, and then the old ones stay in use."""
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        assert certificate is not None  # noqa: S101 - the settings ensure it, as below
        assert key is not None  # noqa: S101 - as above
        require_private("server.tls_key", key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError:
            raise ConfigurationError(
                f"server.tls_certificate and server.tls_key: {certificate} and {key} must be PEM files, the chain and"
                " its unencrypted key"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"server.tls_certificate: {certificate}: {error.strerror}") from None
        return context


@web.middleware
async def promise_tls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add HSTS: after one visit, browsers use HTTPS only."""
    response = await handler(request)
    response.headers.update(HSTS)
    return response


NOBODY = asyncio.Protocol()  # a placeholder, replaced after the handshake


class TlsProtocol(SSLProtocol):
    """TLS for one connection, counted before the handshake, so that unfinished handshakes are limited too.

    Its buffers are bounded: BUFFER for reading, and again for input that arrives while reading is paused.
    The connection itself is made after the handshake.
    """

    max_size = BUFFER  # asyncio's own is 256 KiB per connection, from its first byte on

    def __init__(
        self,
        make_connection: Callable[[], Connection],
        certificate: Certificate,
        *,
        limiter: ConnectionLimiter,
        refusals: RawErrors,
        patience: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            loop,
            NOBODY,
            certificate.context,
            waiter=None,  # type: ignore[arg-type] # a server's connection has no waiter
            server_side=True,
            ssl_handshake_timeout=min(patience, HANDSHAKE_SECONDS),  # type: ignore[arg-type] # any number will do
            ssl_shutdown_timeout=LINGER_SECONDS,
        )
        self._set_read_buffer_limits(BUFFER)  # type: ignore[attr-defined] # its stubs leave it out
        self._make_connection = make_connection
        self._limiter = limiter
        self._refusals = refusals
        self._source: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = address_of(transport.get_extra_info("peername"))
        self._source = self._limiter.admit(address)
        if self._source is None:  # before the handshake no response can be sent
            self._refusals.note(HTTPStatus.SERVICE_UNAVAILABLE, "TooManyConnections", address)
            cast("asyncio.Transport", transport).abort()
            return
        super().connection_made(transport)

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if handshake_exc is None:
            self._set_app_protocol(self._make_connection())
        super()._on_handshake_complete(handshake_exc)
        if isinstance(handshake_exc, BaseException):  # asyncio passes a class when the peer has left
            handshake_exc.__traceback__ = None  # its frames hold it and the buffers, in a cycle

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._source is not None:
            self._limiter.leave(self._source)
            self._source = None


class NullLimiter(ConnectionLimiter):
    """For connections inside TLS, which TlsProtocol has counted."""

    def admit(self, address: object) -> str:  # noqa: ARG002 - as in ConnectionLimiter
        return ""

    def leave(self, source: str) -> None:
        """Nothing was counted."""


class TlsConnection(Connection):
    """TLS connections cannot be half-closed."""

    __slots__ = ()

    def eof_received(self) -> bool:  # type: ignore[override] # as in Connection
        return False

    async def hang_up(self) -> None:
        """TLS itself waits for the peer's close_notify, for up to LINGER_SECONDS."""
        if self.transport is not None:
            self.transport.close()
