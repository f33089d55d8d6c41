"""Refusals of an overload: paced, and where the head of a request tells enough, before the application sees it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from service.errors import OverloadedError
from service.http.connection import Connection
from service.http.context import (
    CLIENT_GONE,
    LOGGED_STATUS,
    RENDERER,
    REQUEST_ID,
    Answer,
    HttpContext,
    Renderer,
    has_hung_up,
    renderer_of,
    request_id_of,
)
from service.networks import prefix_of
from service.request_log import Refusal, RequestRecord

Overload = Callable[[str], OverloadedError | None]  # by source; None when the application should decide


async def refuse(http: HttpContext, request: web.Request, refusal: OverloadedError) -> web.Response:
    """The refusal's response in its slot. Where that is too far ahead: at once, and the connection closes with it."""
    is_in_time = has_hung_up(request) or await http.refusal_pace.slot(cast("Connection", request.protocol))
    if has_hung_up(request):
        request[LOGGED_STATUS] = CLIENT_GONE  # a 503 in the metrics would count as a refusal
    response = renderer_of(request).refusal(refusal, request[REQUEST_ID])
    if not is_in_time:
        response.force_close()
    return response


class EarlyCall(NamedTuple):
    """A call that an overload may refuse, and its name in the log."""

    renderer: Renderer
    route: str


EarlyCallOf = Callable[[web.BaseRequest], EarlyCall | None]  # None: no overload concerns it


class EarlyRefusals:
    """Refuses calls that an overload concerns without aiohttp's application: the response is the same, and cheaper.

    Requests with a query, an `Expect` field or another spelling of the path go on to the application, which does too.
    """

    def __init__(
        self,
        http: HttpContext,
        calls: Mapping[tuple[str, str], EarlyCallOf],
        overload: Overload,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        """`calls` are methods and exact paths; `middlewares` are those that add header fields to every response."""
        self._http = http
        self._calls = calls
        self._overload = overload
        self._middlewares = tuple(reversed(middlewares))

    def in_front_of(self, answer: Answer, method: str, path: str) -> Answer:
        """For requests of this method and exact path. A call that no overload concerns stays as it is."""
        call_of = self._calls.get((method, path))
        if call_of is None:
            return answer

        def refuse_or_pass(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            call = call_of(request)
            if call is None:
                return answer(request)
            source = self._http.addresses.source_of(request.remote, request.headers)
            refusal = self._overload(source)
            # the server's own requests are those of an application, which have items
            return (
                answer(request)
                if refusal is None
                else self._answer(cast("web.Request", request), call, refusal, source)
            )

        return refuse_or_pass

    async def _answer(
        self, request: web.Request, call: EarlyCall, refusal: OverloadedError, source: str
    ) -> web.StreamResponse:
        http = self._http
        request[RENDERER] = call.renderer
        started = http.ambient.monotonic()
        request[REQUEST_ID] = request_id = request_id_of(request, http.ambient)
        handler: Handler = partial(refuse, http, refusal=refusal)
        for middleware in self._middlewares:
            handler = partial(middleware, handler=handler)
        status = CLIENT_GONE
        try:
            response = await handler(request)
            status = request.get(LOGGED_STATUS, response.status)
            return response
        finally:
            http.log_request(
                RequestRecord(
                    request_id,
                    request.method,
                    call.route,
                    status,
                    (http.ambient.monotonic() - started) * 1000,
                    Refusal(refusal.code, source=prefix_of(source)),
                )
            )


EARLY_REFUSALS = web.AppKey("early_refusals", EarlyRefusals)
