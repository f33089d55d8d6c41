"""CORS: only pages of the configured origins may call."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from service.http.responses import Response

MAY_SEND = "Authorization, Content-Type, X-Api-Key, X-Request-Id"
MAY_READ = "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy"
REMEMBERED = "600"  # seconds a browser may cache a preflight response


class CorsFields(NamedTuple):
    """The header fields that pages may send and read."""

    may_send: str = MAY_SEND
    may_read: str = MAY_READ


def cors(origins: Collection[str], of_paths: Mapping[str, CorsFields] = MappingProxyType({})) -> Middleware:
    """Let pages of these origins call every path. They send their own credentials: there are no cookies."""

    @web.middleware
    async def answer_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent = request.headers.getall(hdrs.ORIGIN, [])
        fields = of_paths.get(request.path, CorsFields())
        origin = sent[0] if len(sent) == 1 and sent[0] in origins else None
        if origin and (methods := _asked_beforehand(request)):
            response: web.StreamResponse = Response(
                status=204,
                headers={
                    hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
                    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: fields.may_send,
                    hdrs.ACCESS_CONTROL_MAX_AGE: REMEMBERED,
                },
            )
        else:
            response = await handler(request)
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)  # for caches: another origin gets another response
        if origin:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = fields.may_read
        return response

    return answer_pages


def _asked_beforehand(request: web.Request) -> Collection[str]:
    """The methods allowed on a preflight's path; none for any other request, and for an unknown path."""
    if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        return ()
    refusal = request.match_info.http_exception
    return refusal.allowed_methods if isinstance(refusal, web.HTTPMethodNotAllowed) else ()
