"""Who may call: each guard turns a handler that needs somebody into one that aiohttp can mount."""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Literal

from aiohttp import hdrs, web
from multidict import istr

from service.api import queries
from service.domain.limits.throttle import CallPolicy
from service.domain.models import Caller, Member
from service.errors import Fault, InvalidTokenError, KeyNotAcceptedError, MalformedRequestError
from service.http.context import SERVICES, visitor_of

API_KEY = istr("x-api-key")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CallerHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
MemberHandler = Callable[[web.Request, Member], Awaitable[web.StreamResponse]]


class Cost(Enum):
    """What keeps one caller from taking what the others need. Each guard asks for it, so no call goes without."""

    LIST = "counted by the guard, with throttle.session_list"
    END = "counted by the guard, with throttle.session_end"
    EXPORT = "counted by the guard, with throttle.export"
    ROTATION = "counted by the domain, with throttle.api_key_rotation"
    PASSWORD = "the limits of logins and the fair shares of the password queue"  # noqa: S105 - a name
    ONCE = "it ends the session that may call it"
    LOOK_UPS = "a fixed number of look-ups by key, which travel with those of others"


COUNTED: Mapping[Cost, CallPolicy] = {Cost.LIST: "session-list", Cost.END: "session-end", Cost.EXPORT: "export"}


def bearer(handler: CallerHandler, cost: Cost) -> Handler:
    """Only with a valid id token; an API key opens nothing here. Raises RateLimitedError."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = _credentials(request)
        if token is None:
            if key is not None:
                raise KeyNotAcceptedError(Fault.KEY_NOT_ACCEPTED)
            raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)
        sessions = request.app[SERVICES].sessions
        caller = await sessions.caller(token)
        queries.check(request)
        if policy := COUNTED.get(cost):
            await sessions.throttle.call(policy, visitor_of(request), caller)
        return await handler(request, caller)

    return guarded


def member(handler: MemberHandler, _: Literal[Cost.LOOK_UPS]) -> Handler:
    """With a valid id token or a valid API key."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = _credentials(request)
        services = request.app[SERVICES]
        if token is not None:
            caller = await services.sessions.caller(token)
            who = Member(caller.user_id, caller.claims.email)
        elif key is not None:
            who = await services.accounts.by_api_key(key, visitor_of(request))
        else:
            raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)
        queries.check(request)
        return await handler(request, who)

    return guarded


def resource_server(handler: Handler, _: Literal[Cost.LOOK_UPS]) -> Handler:
    """With the credential of a resource server, in HTTP Basic."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        authorizations = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(authorizations) + len(request.headers.getall(API_KEY, [])) > 1:
            raise MalformedRequestError
        credential = authorizations[0].strip() if authorizations else None
        await request.app[SERVICES].resource_servers.by_credential(credential, visitor_of(request))
        queries.check(request)
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
        raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)  # no token was sent (RFC 6750 section 3.1)
    return token.lstrip(" "), None
