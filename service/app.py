"""The aiohttp application: routes, middleware, and a lifespan that is handed in."""

from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from service.api import docs, queries
from service.api.guards import Handler
from service.api.operation import Access, Operation
from service.api.routes import OPERATIONS
from service.http.client_address import Addresses
from service.http.context import FRONT_DESK, QUERY_SCHEMA, SERVICES, FrontDesk, Services
from service.http.cors import cors
from service.http.middleware import identify, speak
from service.http.request_body import MAX_BYTES
from service.http.tls import promise_tls
from service.request_log import Line, say
from service.settings import Server

Lifespan = Callable[[web.Application], AsyncIterator[None]]


def make_app(
    services: Services,
    settings: Server,
    *lifespans: Lifespan,
    log_request: Callable[[Line], None] = say,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """`lifespans` run around the serving; production prepares its stores in them, tests need none."""
    own = [cors(frozenset(settings.cors_origins))] if settings.cors_origins else []
    if settings.tls_certificate:
        own.append(promise_tls)
    app = web.Application(middlewares=[identify, *own, *middlewares, speak], client_max_size=MAX_BYTES)
    app[SERVICES] = services
    app[FRONT_DESK] = FrontDesk(Addresses(settings.trusted_proxies), settings.body_timeout, log_request)
    docs.prepare(app, OPERATIONS)
    for operation in OPERATIONS:
        handler = _with_its_query(operation)
        app.router.add_route(operation.method, operation.path, handler)
        if operation.method == hdrs.METH_GET:  # RFC 9110 section 9.1; some proxies and monitors ask with HEAD
            app.router.add_route(hdrs.METH_HEAD, operation.path, handler)
    app.cleanup_ctx.extend(lifespans)
    return app


def _with_its_query(operation: Operation) -> Handler:
    """A guard judges the query after the credential; a call without one has it judged first of all."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[QUERY_SCHEMA] = operation.query
        if operation.needs_the_time:
            request.app[SERVICES].clock.require_right()
        if operation.access is Access.OPEN:
            queries.check(request)
        return await operation.handler(request)

    return handle
