"""The HTTP layer's part of the application, and the facts it keeps with each request."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from aiohttp import hdrs, web
from multidict import istr

from service.ambient import Ambient
from service.domain.models import Visitor
from service.domain.operations.store_watch import StoreWatch
from service.errors import AuthError
from service.http.client_address import ClientAddresses
from service.http.refusal_pace import RefusalPace
from service.request_log import Refusal, RequestRecord

MAX_AGENT = 128  # characters of a User-Agent worth keeping
SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
ID = istr("X-Request-Id")
CLIENT_GONE = 499  # nginx's status for it; logged, never sent


class Renderer(Protocol):
    """Turns errors into the responses of one protocol."""

    def refusal(self, error: AuthError, request_id: str) -> web.Response: ...

    def defect(self, request_id: str) -> web.Response: ...

    def name_of(self, error: AuthError | None) -> str:
        """In logs and metrics, what the protocol calls it besides our code; empty where it has no such names.

        None for a defect.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpContext:
    """`outages` are the store exceptions that count as outages; `renderer` is that of calls that set none, and
    `renderer_of_unmatched` chooses one where there is no call.
    """

    addresses: ClientAddresses
    body_timeout: timedelta
    log_request: Callable[[RequestRecord], None]
    ambient: Ambient
    store_watch: StoreWatch
    outages: tuple[type[Exception], ...]
    renderer: Renderer
    renderer_of_unmatched: Callable[[web.Request], Renderer]
    refusal_pace: RefusalPace


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]  # a server's handler

HTTP = web.AppKey("http", HttpContext)
REQUEST_ID = web.RequestKey("request_id", str)
SOURCE = web.RequestKey("source", str)
LOGGED_STATUS = web.RequestKey("logged_status", int)  # where it is not that of the response
REFUSAL = web.RequestKey("refusal", Refusal)
RENDERER = web.RequestKey("renderer", Renderer)
ROUTE_NAME = web.RequestKey("route_name", str)  # in logs and metrics, where calls share a path


def request_id_of(request: web.BaseRequest, ambient: Ambient) -> str:
    """The client's own, if well-formed, or a new one."""
    sent = request.headers.getall(ID, [])
    return sent[0] if len(sent) == 1 and SANE_ID.fullmatch(sent[0]) else ambient.new_id()


def renderer_of(request: web.Request) -> Renderer:
    """Of the request's protocol."""
    own: Renderer | None = request.get(RENDERER)
    http = request.app[HTTP]
    if own is not None:
        return own
    return http.renderer_of_unmatched(request) if request.match_info.http_exception else http.renderer


def source_of(request: web.Request) -> str:
    """The client's address as rate limits count it, parsed once per request."""
    source = request.get(SOURCE)
    if source is None:
        source = request.app[HTTP].addresses.source_of(request.remote, request.headers)
        request[SOURCE] = source
    return source


def has_hung_up(request: web.Request) -> bool:
    """Whether the client seems to have gone: a half-closed connection is nearly always closed altogether."""
    transport = request.transport
    return transport is None or transport.is_closing() or getattr(request.protocol, "peer_has_ended", False)


def visitor_of(request: web.Request) -> Visitor:
    """The request's visitor. The User-Agent is truncated and reduced to printable ASCII."""
    transport = request.transport
    agent = "".join(c for c in request.headers.get(hdrs.USER_AGENT, "")[:MAX_AGENT] if " " <= c <= "~")
    return Visitor(
        source=source_of(request),
        user_agent=agent,
        is_gone=lambda: transport is None or transport.is_closing(),
        has_hung_up=lambda: has_hung_up(request),
    )
