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
from service.http.request_body import read_optional
from service.http.schema import StrictBody

AdminHandler = Callable[[web.Request, AdminToken], Awaitable[web.StreamResponse]]


class NoMembers(StrictBody):
    """For writes that take no body."""


def admin(described: Described[AdminHandler], scope: AdminScope) -> Guarded:
    """Raises InvalidAdminTokenError, InsufficientScopeError or RateLimitedError.

    A write that takes no body refuses members as those with a body refuse unknown ones: the caller meant something.
    """
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        text, _ = credentials_of(request)  # no API key of a user opens anything here
        token = await request.app[SERVICES].admin_tokens.accept(text, scope, visitor_of(request))
        query.require_text(request)
        query.check(request, about.query)
        if about.takes is None and request.method not in query.READING:
            await read_optional(request, NoMembers)
        return await handler(request, token)

    return Guarded(guarded, Access.ADMIN, about, (scope.value,))
