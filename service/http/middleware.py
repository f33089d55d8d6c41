"""Middleware for every request: a request id, one log line, and the rendering of errors."""

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from service.domain.events.security_events import caused_from
from service.errors import AuthError, MisfitError, OverloadedError, UnavailableError
from service.http import problems
from service.http.context import (
    CLIENT_GONE,
    HTTP,
    LOGGED_STATUS,
    REFUSAL,
    REQUEST_ID,
    ROUTE_NAME,
    renderer_of,
    request_id_of,
    source_of,
)
from service.http.errors import MethodNotAllowedError, NotFoundError
from service.http.overload import refuse
from service.http.responses import Response, complete
from service.networks import prefix_of
from service.operator_errors import ConfigurationError
from service.request_log import Refusal, RequestRecord, note_trace

TRACEPARENT = istr("traceparent")

log = structlog.get_logger("service.request")


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id (the client's own, if well-formed), log it, and complete the response's headers."""
    http = request.app[HTTP]
    ambient = http.ambient
    request[REQUEST_ID] = request_id = request_id_of(request, ambient)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    caused_from(lambda: source_of(request))
    if traceparent := request.headers.get(TRACEPARENT):
        note_trace(traceparent)
    started = ambient.monotonic()
    status = CLIENT_GONE
    try:
        response = await handler(request)
        status = request.get(LOGGED_STATUS, response.status)
        if not isinstance(response, Response):
            complete(response.headers, request_id)
        return response
    finally:
        http.log_request(_line(request, status, (ambient.monotonic() - started) * 1000))


def _line(request: web.Request, status: int, milliseconds: float) -> RequestRecord:
    resource = request.match_info.route.resource
    refusal = request.get(REFUSAL)
    return RequestRecord(
        request[REQUEST_ID],
        request.method if request.method in hdrs.METH_ALL else "other",
        request.get(ROUTE_NAME) or (resource.canonical if resource else "none"),
        status,
        milliseconds,
        refusal._replace(source=prefix_of(source_of(request))) if refusal else None,
    )


@web.middleware
async def render_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an exception into a response: a refusal, an outage (503), or a defect (500) that shows only its id."""
    http, request_id = request.app[HTTP], request[REQUEST_ID]
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - the last resort: the process goes on, the response shows no details
        refusal = _refusal_of(error, http.outages)
        if refusal is None:
            log.error("defect", error=type(error).__name__, where=_trail(error))
            renderer = renderer_of(request)
            request[REFUSAL] = Refusal(problems.INTERNAL_CODE, type(error).__name__, error=renderer.name_of(None))
            return renderer.defect(request_id)
        if refusal is not error and isinstance(refusal, UnavailableError):
            http.store_watch.note(error)
    user_id = str(refusal.user_id) if refusal.user_id else ""
    renderer = renderer_of(request)
    named = renderer.name_of(refusal)
    request[REFUSAL] = Refusal(refusal.code, str(refusal.why), user_id, refusal.session_id, error=named)
    if isinstance(refusal, OverloadedError):
        return await refuse(http, request, refusal)
    return renderer.refusal(refusal, request_id)


def _refusal_of(error: Exception, outages: tuple[type[Exception], ...]) -> AuthError | None:
    """None for a defect. A configuration that does not fit the stores any more is an outage too."""
    match error:
        case AuthError():
            return error
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowedError(list(error.allowed_methods))
        case web.HTTPNotFound():
            return NotFoundError()
        case ConfigurationError():
            return MisfitError(type(error).__name__)
        case _:
            return UnavailableError(type(error).__name__) if isinstance(error, outages) else None


def _trail(error: BaseException) -> list[str]:
    """The traceback as file:line:function. The exception's text is left out: it may quote the request."""
    trail, step = [], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        trail.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno}:{code.co_name}")
        step = step.tb_next
    return trail
