"""One client's connection: deadlines, and error responses to malformed input, which quote nothing of it."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from service.http import unknown_methods
from service.http.admission import FIELD_LIMIT, ConnectionLimiter, RawErrors, address_of, status_of
from service.http.closing import ClosingConnection
from service.http.responses import FinalResponse

log = structlog.get_logger(__name__)

UNFINISHED_HEAD_LIMIT = 32_768


class Connection(ClosingConnection):
    """One client's connection. Times are in seconds of the loop's clock."""

    __slots__ = (
        "_address",
        "_begun",
        "_body",
        "_head_bytes",
        "_head_due",
        "_head_timer",
        "_header_timeout",
        "_limiter",
        "_refusals",
        "_source",
    )

    def __init__(
        self,
        server: web.Server,
        limiter: ConnectionLimiter,
        refusals: RawErrors,
        header_timeout: float,
        **arguments: Any,  # noqa: ANN401 - aiohttp's own
    ) -> None:
        super().__init__(server, **arguments)
        self._limiter = limiter
        self._refusals = refusals
        self._header_timeout = header_timeout
        self._source: str | None = None
        self._body = EMPTY_PAYLOAD  # of the last request whose head is read
        self._head_due: float | None = None  # None while no head is awaited
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._begun = b""  # an incomplete method word, not passed to the parser yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._address = address_of(transport.get_extra_info("peername"))
        self._source = self._limiter.admit(self._address)
        if self._source is None:
            self._over = True
            stream = cast("asyncio.Transport", transport)
            stream.write(self._refusals.render(HTTPStatus.SERVICE_UNAVAILABLE, "TooManyConnections", self._address))
            stream.close()
            return
        super().connection_made(transport)
        if self._keepalive_handle is not None:  # for the time between requests; the first one has the head's deadline
            self._keepalive_handle.cancel()
            self._keepalive_handle = None
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if not self._body.is_eof():  # aiohttp notifies a running handler, not one about to start
            self._body.set_exception(ConnectionResetError("The peer left."))
        if self._head_timer is not None:
            self._head_timer.cancel()
        if self._source is not None:
            self._limiter.leave(self._source)
            self._source = None

    def data_received(self, data: bytes) -> None:
        stopping = self._close
        if self._over or ((stopping or self._ending) and self._body.is_eof()):
            return
        self._close = False  # aiohttp would drop the rest of a body that it still waits for
        idle, heads = self._waiter is not None, self._request_count
        if self._begun or (idle and not self._head_bytes and not data.startswith(unknown_methods.KNOWN_METHODS)):
            data = self._begin(data)
        super().data_received(data)
        if self._request_count != heads:
            self._head_due, self._head_bytes = None, 0
            message, body = self._messages[-1]
            if isinstance(message, _ErrInfo):
                self._parser_gave_up()
            else:
                self._body = body
        elif idle and data.strip(b"\r\n"):
            self._part_of_a_head(data)
        self._close = self._close or stopping

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio's own signature; aiohttp narrows it to None
        """A peer that half-closed its connection still gets the responses to its complete requests."""
        if self._over or not self._body.is_eof() or (self._waiter is not None and not self._messages):
            return False
        self._close = self.peer_has_ended = True
        if self.when_gone is not None:
            self.when_gone()
        return True

    def _begin(self, data: bytes) -> bytes:
        """The bytes to pass to the parser, which may not know the method: none until the method word is complete."""
        begun, self._begun, self._head_bytes = (self._begun + data).lstrip(b"\r\n"), b"", 0
        if not unknown_methods.may_go_on(begun):
            return unknown_methods.replaced(begun)
        self._begun = begun
        self._part_of_a_head(begun)
        return b""

    def _part_of_a_head(self, data: bytes) -> None:
        line, ended, _ = data.lstrip(b"\r\n").partition(b"\n")
        if not self._head_bytes and ended and b" HTTP/" not in line:  # HTTP/0.9: no more will come
            self._refuse(BadStatusLine())
        self._head_bytes += len(data)
        if self._head_due is None:
            self._await_head()
        if self._head_bytes > UNFINISHED_HEAD_LIMIT:
            self._refuse(LineTooLong("", FIELD_LIMIT))

    def _parser_gave_up(self) -> None:
        self._over = True
        if not self._body.is_eof():  # the handler that reads this body responds
            self._messages.pop()
            self._body.set_exception(web.RequestPayloadError("The body is not well-formed."))
            self._body.feed_eof()
            self._close = True

    def _refuse(self, error: Exception) -> None:
        """Queue an error response behind the responses still pending on this connection."""
        if self._over:
            return
        self._over = True
        self._messages.append((_ErrInfo(HTTPStatus.BAD_REQUEST, error, ""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _await_head(self) -> None:
        self._head_due = self._loop.time() + self._header_timeout
        if self._head_timer is None:
            self._head_timer = self._loop.call_at(self._head_due, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        """A complete head does not cancel the timer: that is checked here, once per deadline and not per request."""
        self._head_timer = None
        if self._head_due is None:
            return
        if self._loop.time() < self._head_due:
            self._head_timer = self._loop.call_at(self._head_due, self._look_at_the_clock)
        elif self._head_bytes:
            self._refuse(TimeoutError())
        else:
            self.force_close()

    def _process_keepalive(self) -> None:
        if self._head_due is None:
            super()._process_keepalive()
        else:  # a head has begun, and has its own deadline
            self._keepalive_handle = None

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        return lambda _: self.final_response(status_of(err_info.exc), type(err_info.exc).__name__)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,  # noqa: ARG002 - the exception says more
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - may quote the request
    ) -> web.StreamResponse:
        if request.writer.output_size > 0 or self.transport is None:
            raise ConnectionError("An answer has begun already, or nobody is there to read it.") from None
        malformed = isinstance(exc, web.RequestPayloadError)
        answer = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.INTERNAL_SERVER_ERROR
        return self._answer_with(answer, type(exc or TimeoutError()).__name__)

    async def final_response(self, status: HTTPStatus, why: str) -> web.StreamResponse:
        return self._answer_with(status, why)

    def _answer_with(self, status: HTTPStatus, why: str) -> web.StreamResponse:
        self._over = True
        return FinalResponse(self._refusals.render(status, why, self._address), self.write, self.hang_up)

    def log_exception(self, *_: object, **facts: object) -> None:
        """aiohttp's own lines contain the exception's text, which may quote the request; this one does not."""
        error = facts.get("exc_info")
        if not isinstance(error, ConnectionError | web.RequestPayloadError):  # caused by the client, after its response
            log.error("connection failed", error=type(error).__name__)
