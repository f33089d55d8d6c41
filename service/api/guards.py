"""Who may call: each guard turns a handler that needs somebody into one that aiohttp can mount."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from multidict import istr

from service.api.context import SERVICES, visitor_of
from service.domain.models import Caller, Member
from service.errors import InvalidTokenError, MalformedRequestError

API_KEY = istr("x-api-key")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CallerHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
MemberHandler = Callable[[web.Request, Member], Awaitable[web.StreamResponse]]


def bearer(handler: CallerHandler) -> Handler:
    """Only with a valid id token; an API key opens nothing here."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = _credentials(request)
        if token is None:
            raise InvalidTokenError(presented=key is not None)
        return await handler(request, await request.app[SERVICES].sessions.caller(token))

    return guarded


def member(handler: MemberHandler) -> Handler:
    """With a valid id token or a valid API key."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = _credentials(request)
        services = request.app[SERVICES]
        if token is not None:
            caller = await services.sessions.caller(token)
            return await handler(request, Member(caller.user_id, caller.claims.email))
        if key is not None:
            return await handler(request, await services.accounts.by_api_key(key, visitor_of(request)))
        raise InvalidTokenError(presented=False)

    return guarded


def resource_server(handler: Handler) -> Handler:
    """With the credential of a resource server, in HTTP Basic."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        authorizations = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(authorizations) + len(request.headers.getall(API_KEY, [])) > 1:
            raise MalformedRequestError
        credential = authorizations[0].strip() if authorizations else None
        await request.app[SERVICES].resource_servers.by_credential(credential, visitor_of(request))
        return await handler(request)

    return guarded


def _credentials(request: web.Request) -> tuple[str | None, str | None]:
    """The bearer token and the API key; at most one of them.

    Raises MalformedRequestError for more than one credential, InvalidTokenError for a scheme that is not Bearer.
    """
    authorizations = request.headers.getall(hdrs.AUTHORIZATION, [])
    keys = request.headers.getall(API_KEY, [])
    if len(authorizations) + len(keys) > 1:
        raise MalformedRequestError
    if not authorizations:
        return None, keys[0] if keys else None
    scheme, _, token = authorizations[0].strip().partition(" ")  # RFC 6750 section 2.1
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError(presented=False)  # no token was sent (RFC 6750 section 3.1)
    return token.lstrip(" "), None
