"""The aiohttp application: the API mounted on `http`, middleware, and the given lifespans."""

from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from service.api import docs, problems
from service.api.context import SERVICES
from service.api.operation import Operation
from service.api.routes import OPERATIONS
from service.assembly.application import Application
from service.http.client_address import ClientAddresses
from service.http.context import HTTP, HttpContext
from service.http.cors import cors
from service.http.middleware import identify, render_errors
from service.http.request_body import MAX_BYTES
from service.http.tls import promise_tls
from service.request_log import RequestRecord, print_request
from service.settings import ServerSettings

Lifespan = Callable[[web.Application], AsyncIterator[None]]


def make_app(
    application: Application,
    settings: ServerSettings,
    *lifespans: Lifespan,
    log_request: Callable[[RequestRecord], None] = print_request,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """`lifespans` wrap the serving; production prepares its stores in them, tests need none."""
    own = [cors(frozenset(settings.cors_origins))] if settings.cors_origins else []
    if settings.tls_certificate:
        own.append(promise_tls)
    app = web.Application(middlewares=[identify, *own, *middlewares, render_errors], client_max_size=MAX_BYTES)
    app[SERVICES] = application
    app[HTTP] = HttpContext(
        addresses=ClientAddresses(settings.trusted_proxies),
        body_timeout=settings.body_timeout,
        log_request=log_request,
        ambient=application.ambient,
        store_watch=application.store_watch,
        outages=application.outages,
        render=problems.render,
    )
    docs.prepare(app, OPERATIONS)
    for operation in OPERATIONS:
        handler = _judged_by_the_clock(operation)
        app.router.add_route(operation.method, operation.path, handler)
        if operation.method == hdrs.METH_GET:  # RFC 9110 section 9.1; some proxies and monitors use HEAD
            app.router.add_route(hdrs.METH_HEAD, operation.path, handler)
    app.cleanup_ctx.extend(lifespans)
    return app


def _judged_by_the_clock(operation: Operation) -> Handler:
    if not operation.about.needs_the_time:
        return operation.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[SERVICES].clock.require_right()
        return await operation.handler(request)

    return handle
