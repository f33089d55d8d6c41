"""Which web pages of other origins may call: those of an exact list, and no others."""

from collections.abc import Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from service.http.responses import Response

MAY_SEND = "Authorization, Content-Type, X-Api-Key, X-Request-Id"
MAY_READ = "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy"
REMEMBERED = "600"  # seconds for which a browser need not ask again


def cors(origins: Collection[str]) -> Middleware:
    """Let pages of these origins call every path, with credentials that they hold themselves: there are no cookies."""

    @web.middleware
    async def answer_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent = request.headers.getall(hdrs.ORIGIN, [])
        origin = sent[0] if len(sent) == 1 and sent[0] in origins else None
        if origin and (methods := _asked_beforehand(request)):
            response: web.StreamResponse = Response(
                status=204,
                headers={
                    hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
                    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: MAY_SEND,
                    hdrs.ACCESS_CONTROL_MAX_AGE: REMEMBERED,
                },
            )
        else:
            response = await handler(request)
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)  # to caches: the next page gets another answer
        if origin:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = MAY_READ
        return response

    return answer_pages


def _asked_beforehand(request: web.Request) -> Collection[str]:
    """The methods of the path that a browser's preflight asks about; none for another request or an unknown path."""
    if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        return ()
    refusal = request.match_info.http_exception
    return refusal.allowed_methods if isinstance(refusal, web.HTTPMethodNotAllowed) else ()
