"""Connections to servers that are no friends: to addresses that were checked, and of what they send only so much."""

import asyncio
import ssl

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler

from service.webhooks.addresses import CheckedResolver

MOST_RECEIVED = 40_000  # bytes, on one connection: the head of an answer, and a body of 20 KB


class BoundedReception(ResponseHandler):
    """The parser reads whatever has arrived before any time limit is looked at, and a connection brings megabytes at
    once: provisional answers (100 Continue) or answers in a row, without end, would hold up the whole instance.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._left = MOST_RECEIVED

    def data_received(self, data: bytes) -> None:
        taken = data[: self._left]
        self._left -= len(taken)
        if taken or not data:
            super().data_received(taken)
        if len(taken) < len(data) and self.transport is not None:
            self.transport.abort()


class BoundedConnector(TCPConnector):
    """For one connection."""

    def __init__(self, resolver: CheckedResolver, tls: ssl.SSLContext | bool) -> None:  # noqa: FBT001 - as aiohttp has it
        super().__init__(resolver=resolver, ssl=tls, use_dns_cache=False, force_close=True)
        self._factory = self._make  # type: ignore[assignment] # aiohttp has no other place for it

    def _make(self) -> BoundedReception:
        return BoundedReception(self._loop)
