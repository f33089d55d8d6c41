"""One attempt at an endpoint, over a connection of its own.

An endpoint is no friend: it may hang, answer without end, lead elsewhere by a redirect, or have a name that becomes a
private address. Nothing of its answer is read but the status, and each attempt has one time limit for all of it.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
)
from yarl import URL

from service.domain.webhooks.models import Endpoint
from service.domain.webhooks.ports import NoAnswerError
from service.webhooks.addresses import (
    Allowed,
    CheckedResolver,
    ForbiddenAddressError,
    any_address,
    is_private,
    is_public,
)
from service.webhooks.connections import BoundedConnector

LIMIT = 5.0  # seconds for an attempt, the look-up of the name included
FAILURES = (ClientError, OSError, ValueError)
REASONS: Mapping[type[Exception], str] = {  # the first that fits
    ClientConnectorCertificateError: "its certificate is not good",
    ClientConnectorDNSError: "its host is not found",
    socket.gaierror: "its host is not found",
    ClientConnectorError: "no connection to it",
    ServerDisconnectedError: "it hung up",
    ClientOSError: "it hung up",
    ClientResponseError: "what it answers is no HTTP",
}


class HttpWebhookSender:
    """`may_be_private`: the setting `webhooks.private`."""

    def __init__(self, *, may_be_private: bool, limit: float = LIMIT) -> None:
        self._may_be_private = may_be_private
        self._limit = limit
        self._resolvers: dict[str, CheckedResolver] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # SSL_CERT_FILE names other authorities

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> int:
        try:
            async with asyncio.timeout(self._limit):
                return await self._post(endpoint, headers, body)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {self._limit:g} s") from None
        except FAILURES as error:
            raise NoAnswerError(self._why(endpoint, error)) from None

    async def check(self, endpoint: Endpoint) -> None:
        """Look its host up. Raises NoAnswerError for one that is not found or may not be connected to."""
        parts = urlsplit(endpoint.url)
        try:
            async with asyncio.timeout(self._limit):
                await self._resolver(endpoint).resolve(parts.hostname or "", parts.port or 0)
        except TimeoutError:
            raise NoAnswerError(f"no answer of the name servers within {self._limit:g} s") from None
        except OSError as error:
            raise NoAnswerError(self._why(endpoint, error)) from None

    async def _post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> int:
        resolver = self._resolver(endpoint)
        url = URL(endpoint.url)
        resolver.require_allowed_literal(url.host or "")
        async with ClientSession(
            connector=BoundedConnector(resolver, self._tls),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            headers={"User-Agent": "Tokenhouse"},
        ) as session:
            response = await session.post(url, data=body, headers=headers, allow_redirects=False)
            response.close()
            return response.status

    def _resolver(self, endpoint: Endpoint) -> CheckedResolver:
        if endpoint.name not in self._resolvers:
            self._resolvers[endpoint.name] = CheckedResolver(self._allowed(endpoint))
        return self._resolvers[endpoint.name]

    def _allowed(self, endpoint: Endpoint) -> Allowed:
        if not self._may_be_private:
            return is_public
        return is_private if endpoint.url.startswith("http:") else any_address

    def _why(self, endpoint: Endpoint, error: Exception) -> str:
        """One line for the operator, which quotes nothing of the URL or the answer."""
        if _is_forbidden(error):
            if self._may_be_private and endpoint.url.startswith("http:"):
                return "its address is public, where http:// does not go"
            return "its address is private, and webhooks.private is false"
        return next((why for kind, why in REASONS.items() if isinstance(error, kind)), type(error).__name__)


def _is_forbidden(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ForbiddenAddressError):
        error = getattr(error, "os_error", None) or error.__cause__
    return error is not None
