"""Connection limits, and error responses for input that never became a request."""

from collections import Counter
from collections.abc import Mapping
from email.utils import format_datetime
from http import HTTPStatus
from types import MappingProxyType

import structlog
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from service.ambient import Ambient
from service.http.problems import INTERNAL, PROBLEM, document, spread_retry_after
from service.http.responses import ALWAYS, UNLESS_SAID
from service.networks import Address, parse, prefix_of, spelled
from service.settings import ServerSettings

log = structlog.get_logger(__name__)

# The parser measures the target alone; with the rest of the shortest request line it makes 8190. It must differ from
# FIELD_LIMIT: `status_of` tells the two kinds of LineTooLong apart by it.
TARGET_LIMIT = 8190 - len("GET " + " HTTP/1.1")
FIELD_LIMIT = 8190
FIELDS_LIMIT = 64

DETAILS = {
    HTTPStatus.BAD_REQUEST: "The request is not well-formed HTTP/1.1.",
    HTTPStatus.REQUEST_TIMEOUT: "The head of the request did not arrive in time.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The request line is too long.",
    HTTPStatus.EXPECTATION_FAILED: "The only expectation that can be met is 100-continue.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "A header field is too large, or there are too many of them.",
    HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL,
    HTTPStatus.NOT_IMPLEMENTED: "The only transfer coding understood is chunked.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many connections are open. Try again after the Retry-After header's seconds.",
}
CODES = {HTTPStatus.INTERNAL_SERVER_ERROR: "internal", HTTPStatus.SERVICE_UNAVAILABLE: "overloaded"}
EVENTS = {HTTPStatus.INTERNAL_SERVER_ERROR: "request failed", HTTPStatus.SERVICE_UNAVAILABLE: "connection turned away"}


def address_of(peer: object) -> Address | None:
    """A socket's peer name as an address; None for a Unix socket or a peer that is already gone."""
    return parse(peer[0]) if isinstance(peer, tuple) else None


class ConnectionLimiter:
    """Counts open connections, globally and per source. A trusted proxy is not a source: it carries many clients."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self.most = settings.max_connections
        self.open = 0
        self._open_by_source: Counter[str] = Counter()

    def admit(self, address: Address | None) -> str | None:
        """Count a new connection; None when a limit is reached. Pass the result to `leave`."""
        source = self._source(address)
        if self.open >= self.most:
            return None
        if source and self._open_by_source[source] >= self._settings.max_connections_per_source:
            return None
        self.open += 1
        if source:
            self._open_by_source[source] += 1
        return source

    def leave(self, source: str) -> None:
        self.open -= 1
        if source:
            self._open_by_source[source] -= 1
            if not self._open_by_source[source]:
                del self._open_by_source[source]

    def _source(self, address: Address | None) -> str:
        if address is None or any(address in network for network in self._settings.trusted_proxies):
            return ""
        return spelled(address)


class RawErrors:
    """Complete error responses as bytes. Each is logged under a fixed event name, so that the log can limit them."""

    def __init__(self, ambient: Ambient, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self._ambient = ambient
        self._more = more  # header fields
        self.counts: Counter[int] = Counter()  # by status, since the process began

    def render(self, status: HTTPStatus, why: str, address: Address | None) -> bytes:
        """`why` is a fixed word or an exception's class name, never its text."""
        request_id = self.note(status, why, address)
        body = document(status, CODES.get(status, "malformed_request"), DETAILS[status], request_id)
        headers = {
            "Date": format_datetime(self._ambient.now(), usegmt=True),
            "Content-Type": PROBLEM,
            "Content-Length": str(len(body)),
            "X-Request-Id": request_id,
            **ALWAYS,
            **UNLESS_SAID,
            **self._more,
            **({"Retry-After": spread_retry_after(request_id)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}),
            "Connection": "close",
        }
        head = (f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items()))
        return "\r\n".join((*head, "", "")).encode() + body

    def note(self, status: HTTPStatus, why: str, address: Address | None) -> str:
        """Count and log a refusal; returns its request id."""
        request_id = self._ambient.new_id()
        self.counts[status.value] += 1
        log.warning(
            EVENTS.get(status, "request malformed"),
            error=why,
            status=status.value,
            request_id=request_id,
            source=prefix_of(spelled(address)) if address else None,
        )
        return request_id


def status_of(error: BaseException) -> HTTPStatus:
    """The status of the response to an exception of the parser."""
    match error:
        case TimeoutError():
            return HTTPStatus.REQUEST_TIMEOUT
        case LineTooLong(args=(_, limit, *_)) if limit == TARGET_LIMIT:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        case LineTooLong() | BadHttpMessage(message="Too many headers received"):
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        case _:
            return HTTPStatus.BAD_REQUEST
