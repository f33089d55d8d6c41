"""One question to the old system, over a connection of its own.

It may hang, answer without end, or lead elsewhere by a redirect, and a login waits for it: each question has one time
limit for all of it, the look-up of the name included. Nothing of a question or an answer is logged.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from service.domain.transfer.ports import NoOldAnswerError
from service.networks import Address
from service.webhooks.addresses import CheckedResolver, any_address
from service.webhooks.connections import BoundedConnector
from service.webhooks.sender import FAILURES, REASONS

MOST_BYTES = 20_000  # of an answer
OK = 200


def is_loopback(address: Address) -> bool:
    return address.is_loopback


class HttpOldSystem:
    """`limit`: seconds for a question."""

    def __init__(self, url: str, limit: float) -> None:
        self._url = URL(url)
        self._limit = limit
        self._is_plain = self._url.scheme == "http"
        self._resolver = CheckedResolver(is_loopback if self._is_plain else any_address)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # SSL_CERT_FILE names other authorities

    async def ask(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(self._limit):
                return await self._ask(headers, body)
        except TimeoutError:
            raise NoOldAnswerError(f"no answer within {self._limit:g} s") from None
        except FAILURES as error:
            raise NoOldAnswerError(_why(error)) from None

    async def check(self) -> None:
        try:
            async with asyncio.timeout(self._limit):
                host, port = self._url.host or "", self._url.port or 443
                found = await self._resolver.resolve(host, port)
                tls = None if self._is_plain else self._tls
                name = host if tls else None
                _, writer = await asyncio.open_connection(found[0]["host"], port, ssl=tls, server_hostname=name)
                writer.transport.abort()
        except TimeoutError:
            raise NoOldAnswerError(f"no connection within {self._limit:g} s") from None
        except FAILURES as error:
            raise NoOldAnswerError(_why(error, "no connection to it")) from None

    async def _ask(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self._resolver.require_allowed_literal(self._url.host or "")
        tls = True if self._is_plain else self._tls
        async with ClientSession(
            connector=BoundedConnector(self._resolver, tls),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            headers={"User-Agent": "Tokenhouse", "Accept-Encoding": "identity"},
        ) as session:
            response = await session.post(self._url, data=body, headers=headers, allow_redirects=False)
            try:
                return response.status, await _body_of(response) if response.status == OK else b""
            finally:
                response.close()


async def _body_of(response: ClientResponse) -> bytes:
    body = b""
    while chunk := await response.content.read(MOST_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MOST_BYTES:
            raise NoOldAnswerError(f"its answer is longer than {MOST_BYTES} bytes", was_reached=True)
    return body


def _why(error: Exception, otherwise: str = "") -> str:
    """One line for the operator, which quotes nothing of the URL or the answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not good"
    return next((why for kind, why in REASONS.items() if isinstance(error, kind)), otherwise or type(error).__name__)
