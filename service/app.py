"""The aiohttp application: the API mounted on `http`, middleware, and the given lifespans."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from service.api import docs, problems
from service.api.context import SERVICES
from service.api.examples import EXAMPLES, Examples
from service.api.operation import Access, Operation
from service.api.routes import OPERATIONS
from service.assembly.application import Application
from service.domain.models import Visitor
from service.errors import OverloadedError, UnavailableError
from service.http.client_address import ClientAddresses
from service.http.context import HTTP, HttpContext
from service.http.cors import cors
from service.http.middleware import identify, render_errors
from service.http.overload import EARLY_REFUSALS, EarlyCall, EarlyCallOf, EarlyRefusals, Overload
from service.http.refusal_pace import RefusalPace
from service.http.request_body import MAX_BYTES
from service.http.tls import promise_tls
from service.request_log import RequestRecord, print_request
from service.settings import ServerSettings

if TYPE_CHECKING:
    from service.cognito.endpoint import CognitoEndpoint
    from service.pages.face import PagesFace

# Calls of anyone, which an overload may refuse before a credential, a query or a body is looked at
HASHING_CALLS = [one for one in OPERATIONS if one.access is Access.OPEN and OverloadedError in one.about.refuses]
Lifespan = Callable[[web.Application], AsyncIterator[None]]


def make_app(
    application: Application,
    settings: ServerSettings,
    *lifespans: Lifespan,
    log_request: Callable[[RequestRecord], None] = print_request,
    middlewares: Sequence[Middleware] = (),
    add_routes: Callable[[web.Application], None] = lambda _: None,
) -> web.Application:
    """`lifespans` wrap the serving; production prepares its stores in them, tests need none.

    `add_routes` adds what is no part of the API.
    """
    cognito = _cognito(application)
    cors_fields = cognito.cors_fields() if cognito else {}
    own = [cors(frozenset(settings.cors_origins), cors_fields)] if settings.cors_origins else []
    if settings.tls_certificate:
        own.append(promise_tls)
    app = web.Application(middlewares=[identify, *own, *middlewares, render_errors], client_max_size=MAX_BYTES)
    app[SERVICES] = application
    pages = _pages(application)
    app[HTTP] = _http(application, settings, log_request, pages)
    other_faces = [one for one in (cognito, pages) if one]
    early_calls = _early_calls()
    for face in other_faces:
        early_calls |= face.early_calls()
    app[EARLY_REFUSALS] = EarlyRefusals(app[HTTP], early_calls, _overload_of(application), own)
    app.on_shutdown.append(_refuse_all_who_wait)
    _mount_api(app, *_calls(application))
    for face in other_faces:
        face.mount(app)
    add_routes(app)
    app.cleanup_ctx.extend(lifespans)
    return app


def _http(
    application: Application,
    settings: ServerSettings,
    log_request: Callable[[RequestRecord], None],
    pages: "PagesFace | None",
) -> HttpContext:
    renderer = problems.Problems()
    return HttpContext(
        addresses=ClientAddresses(settings.trusted_proxies),
        body_timeout=settings.body_timeout,
        log_request=log_request,
        ambient=application.ambient,
        store_watch=application.store_watch,
        outages=application.outages,
        renderer=renderer,
        renderer_of_unmatched=partial(pages.renderer_for, otherwise=renderer) if pages else lambda _: renderer,
        refusal_pace=RefusalPace(),
    )


def _calls(application: Application) -> tuple[tuple[Operation, ...], Examples]:
    """Those of the API, with what its document shows of them."""
    if not application.settings.admin.enabled:
        return OPERATIONS, EXAMPLES
    from service.admin.examples import ALL_EXAMPLES  # noqa: PLC0415 - where it is off, nothing of it is loaded
    from service.admin.routes import ADMIN_OPERATIONS  # noqa: PLC0415 - as above

    return OPERATIONS + ADMIN_OPERATIONS, ALL_EXAMPLES


def _mount_api(app: web.Application, operations: tuple[Operation, ...], examples: Examples) -> None:
    docs.prepare(app, operations, examples)
    for operation in operations:
        handler = _judged_by_the_clock(operation)
        app.router.add_route(operation.method, operation.path, handler)
        if operation.method == hdrs.METH_GET:  # RFC 9110 section 9.1; some proxies and monitors use HEAD
            app.router.add_route(hdrs.METH_HEAD, operation.path, handler)


def _cognito(application: Application) -> "CognitoEndpoint | None":
    if not application.settings.cognito.enabled:
        return None
    from service.cognito.context import CognitoContext  # noqa: PLC0415 - where it is off, nothing of it is loaded
    from service.cognito.endpoint import CognitoEndpoint  # noqa: PLC0415 - as above

    context = CognitoContext(
        services=application, clients=application.app_clients, settings=application.settings.cognito
    )
    return CognitoEndpoint(context)


def _pages(application: Application) -> "PagesFace | None":
    if not application.settings.pages.enabled:
        return None
    from service.pages.build import build  # noqa: PLC0415 - where they are off, nothing of them is loaded

    return build(application, application.settings, has_mail=application.mail.mails.is_configured)


def _early_calls() -> dict[tuple[str, str], EarlyCallOf]:
    renderer = problems.Problems()
    return {(one.method, one.path): partial(_always, EarlyCall(renderer, one.path)) for one in HASHING_CALLS}


def _always(call: EarlyCall, _: web.BaseRequest) -> EarlyCall:
    return call


def _judged_by_the_clock(operation: Operation) -> Handler:
    if not operation.about.needs_the_time:
        return operation.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[SERVICES].clock.require_right()
        return await operation.handler(request)

    return handle


def _overload_of(application: Application) -> Overload:
    """Where the application would refuse for another reason, it does so itself."""

    def overload(source: str) -> OverloadedError | None:
        if not application.clock.is_right:
            return None
        try:
            application.passwords.refuse_if_full(Visitor(source))
        except OverloadedError as refusal:
            return refusal
        except UnavailableError:
            return None
        return None

    return overload


async def _refuse_all_who_wait(app: web.Application) -> None:
    app[HTTP].refusal_pace.end()
