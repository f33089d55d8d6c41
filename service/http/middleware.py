"""Around every call: a request id, one line in the log, and refusals spoken as problems."""

import re

import structlog
from aiohttp import hdrs, web
from multidict import istr

from service.api.guards import Handler
from service.errors import (
    AuthError,
    ConfigurationError,
    MethodNotAllowedError,
    MisfitError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from service.http import problems
from service.http.context import FRONT_DESK, LOGGED_STATUS, REFUSAL, REQUEST_ID, SERVICES, has_hung_up, note_source
from service.http.responses import Answer, complete
from service.networks import prefix_of
from service.request_log import Line, Refusal, note_trace

SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
ID, TRACEPARENT = istr("X-Request-Id"), istr("traceparent")
CLIENT_GONE = 499  # nginx's word for it; nobody receives it

log = structlog.get_logger("service.request")


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id (the caller's own, when it is a sane one), and every answer the headers it always has."""
    app = request.app
    ambient = app[SERVICES].ambient
    sent = request.headers.getall(ID, [])
    request_id = sent[0] if len(sent) == 1 and SANE_ID.fullmatch(sent[0]) else ambient.new_id()
    request[REQUEST_ID] = request_id
    structlog.contextvars.bind_contextvars(request_id=request_id)
    if traceparent := request.headers.get(TRACEPARENT):
        note_trace(traceparent)
    started = ambient.monotonic()
    status = CLIENT_GONE
    try:
        response = await handler(request)
        status = request.get(LOGGED_STATUS, response.status)
        if not isinstance(response, Answer):
            complete(response.headers, request_id)
        return response
    finally:
        resource = request.match_info.route.resource
        app[FRONT_DESK].log_request(
            Line(
                request_id,
                request.method if request.method in hdrs.METH_ALL else "other",
                resource.canonical if resource else "none",
                status,
                (ambient.monotonic() - started) * 1000,
                _refused(request),
            )
        )


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into the answer: a refusal, an outage (503), or a defect (500) with its id alone.

    A configuration that does not fit the stores any more is an outage too.
    """
    services = request.app[SERVICES]
    try:
        return await handler(request)
    except AuthError as error:
        refused = error
        if isinstance(error, OverloadedError) and has_hung_up(request):
            request[LOGGED_STATUS] = CLIENT_GONE  # a 503 in metrics would say that somebody was refused
    except web.HTTPMethodNotAllowed as error:
        refused = MethodNotAllowedError(list(error.allowed_methods))
    except web.HTTPNotFound:
        refused = NotFoundError()
    except ConfigurationError as error:
        services.store_watch.note(error)
        refused = MisfitError(type(error).__name__)
    except services.outages as error:
        services.store_watch.note(error)
        refused = UnavailableError(type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the last resort: the process lives, the answer tells nothing
        log.error("defect", error=type(error).__name__, where=_trail(error))
        request[REFUSAL] = Refusal("internal", type(error).__name__)
        return problems.internal(request[REQUEST_ID])
    user_id = str(refused.user_id) if refused.user_id else ""
    request[REFUSAL] = Refusal(refused.code, str(refused.why), user_id, refused.session_id)
    return problems.refusal(refused, request[REQUEST_ID])


def _refused(request: web.Request) -> Refusal | None:
    refusal = request.get(REFUSAL)
    return refusal._replace(source=prefix_of(note_source(request))) if refusal else None


def _trail(error: BaseException) -> list[str]:
    """Where it happened. The exception's own text stays out: it may quote what a caller typed."""
    trail, step = [], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        trail.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno}:{code.co_name}")
        step = step.tb_next
    return trail
