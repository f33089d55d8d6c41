"""What a handler finds in the request: the services, and who is asking."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import hdrs, web

from service.ambient import Ambient
from service.api.schemas import Payload
from service.domain.accounts.accounts import Accounts
from service.domain.events.security_events import seen_from
from service.domain.models import Visitor
from service.domain.operations.clock_watch import ClockWatch
from service.domain.operations.readiness import Readiness
from service.domain.operations.store_watch import StoreWatch
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.domain.sessions.sessions import Sessions
from service.domain.signing.keyring import KeyRing
from service.http.client_address import Addresses
from service.request_log import Line, Refusal

MAX_AGENT = 128  # characters of a User-Agent worth keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the handlers may ask. `outages` are the stores' exceptions that mean "not now"."""

    sessions: Sessions
    accounts: Accounts
    introspection: Introspection
    resource_servers: ResourceServers
    feed: RevocationFeed
    keys: KeyRing
    issuer: str
    ambient: Ambient
    readiness: Readiness
    store_watch: StoreWatch
    clock: ClockWatch
    outages: tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """What the HTTP side itself was told by the settings."""

    addresses: Addresses
    body_timeout: timedelta
    log_request: Callable[[Line], None]


SERVICES = web.AppKey("services", Services)
FRONT_DESK = web.AppKey("front_desk", FrontDesk)
REQUEST_ID = web.RequestKey("request_id", str)
LOGGED_STATUS = web.RequestKey("logged_status", int)  # where it is not that of the answer
QUERY_SCHEMA: web.RequestKey[type[Payload]] = web.RequestKey("query_schema")  # of the call

REFUSAL = web.RequestKey("refusal", Refusal)


def note_source(request: web.Request) -> str:
    """Where the request comes from, which from here on is the source of the events that it causes."""
    source = request.app[FRONT_DESK].addresses.source_of(request.remote, request.headers)
    seen_from(source)
    return source


def has_hung_up(request: web.Request) -> bool:
    """Whether nobody seems to wait for the answer: who has closed one half has nearly always closed both."""
    transport = request.transport
    return transport is None or transport.is_closing() or getattr(request.protocol, "peer_has_ended", False)


def visitor_of(request: web.Request) -> Visitor:
    """Who is asking. A User-Agent is cut, and stripped of what is not printable ASCII."""
    transport = request.transport
    agent = "".join(c for c in request.headers.get(hdrs.USER_AGENT, "")[:MAX_AGENT] if " " <= c <= "~")
    return Visitor(
        source=note_source(request),
        user_agent=agent,
        is_gone=lambda: transport is None or transport.is_closing(),
        has_hung_up=lambda: has_hung_up(request),
    )
