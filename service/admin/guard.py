"""The guard of every call: an admin token, of the one scope that the call names."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from service.api.context import SERVICES
from service.api.description import Described
from service.api.guards import credentials_of
from service.api.operation import Access, Guarded
from service.domain.administration.models import AdminScope, AdminToken
from service.http import query
from service.http.context import visitor_of

AdminHandler = Callable[[web.Request, AdminToken], Awaitable[web.StreamResponse]]


def admin(described: Described[AdminHandler], scope: AdminScope) -> Guarded:
    """Raises InvalidAdminTokenError, InsufficientScopeError or RateLimitedError."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        text, _ = credentials_of(request)  # no API key of a user opens anything here
        token = await request.app[SERVICES].admin_tokens.accept(text, scope, visitor_of(request))
        query.check(request, about.query)
        return await handler(request, token)

    return Guarded(guarded, Access.ADMIN, about, (scope.value,))
