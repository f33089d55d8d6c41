"""Guards authenticate callers. A handler takes its guard's result as an argument, so it cannot be mounted without."""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Literal

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from service.api.context import SERVICES
from service.api.description import Described
from service.api.operation import Access, Guarded
from service.domain.credentials.api_keys import NamedKey
from service.domain.limits.throttle import CallPolicy
from service.domain.models import Caller, Member
from service.domain.resource_servers.models import ResourceServer
from service.errors import InvalidTokenError, KeyNotAcceptedError
from service.faults import Fault
from service.http import query
from service.http.context import visitor_of
from service.http.errors import MalformedRequestError

API_KEY = istr("x-api-key")

CallerHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
MaybeCallerHandler = Callable[[web.Request, Caller | None], Awaitable[web.StreamResponse]]
MemberHandler = Callable[[web.Request, Member], Awaitable[web.StreamResponse]]
ResourceServerHandler = Callable[[web.Request, ResourceServer], Awaitable[web.StreamResponse]]


class Cost(Enum):
    """How one caller's share of the load is limited. The guards require it, so no call is left unlimited."""

    LIST = "counted by the guard, with throttle.session_list"
    END = "counted by the guard, with throttle.session_end"
    EXPORT = "counted by the guard, with throttle.export"
    PROFILE = "counted by the guard, with throttle.profile_change"
    ROTATION = "counted by the domain, with throttle.api_key_rotation"
    PASSWORD = "the limits of logins and the fair shares of the password queue"  # noqa: S105 - a name
    MAILS = "counted by the domain, with throttle.mail_source"
    CODES = "counted by the domain, with throttle.code_source"
    ONCE = "it ends the session that may call it"
    LOOK_UPS = "a fixed number of look-ups by key, which travel with those of others"


COUNTED: Mapping[Cost, CallPolicy] = {
    Cost.LIST: "session-list",
    Cost.END: "session-end",
    Cost.EXPORT: "export",
    Cost.PROFILE: "profile-change",
}


def anyone(described: Described[Handler]) -> Guarded:
    """Without a credential."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        query.check(request, about.query)
        return await handler(request)

    return Guarded(guarded, Access.OPEN, about)


def bearer(described: Described[CallerHandler], cost: Cost) -> Guarded:
    """Only with a valid id token; API keys are not accepted. Raises RateLimitedError."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = credentials_of(request)
        if token is None:
            if key is not None:
                raise KeyNotAcceptedError(Fault.KEY_NOT_ACCEPTED)
            raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)
        sessions = request.app[SERVICES].sessions
        caller = await sessions.authenticate(token)
        query.check(request, about.query)
        if policy := COUNTED.get(cost):
            await sessions.throttle.call(policy, visitor_of(request), caller)
        return await handler(request, caller)

    return Guarded(guarded, Access.BEARER, about)


def anyone_or_bearer(described: Described[MaybeCallerHandler], _: Literal[Cost.CODES]) -> Guarded:
    """Without a credential, or with a valid id token; a bad one is refused."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = credentials_of(request)
        if key is not None:
            raise KeyNotAcceptedError(Fault.KEY_NOT_ACCEPTED)
        caller = await request.app[SERVICES].sessions.authenticate(token) if token is not None else None
        query.check(request, about.query)
        return await handler(request, caller)

    return Guarded(guarded, Access.OPTIONAL, about)


def member(described: Described[MemberHandler], _: Literal[Cost.LOOK_UPS]) -> Guarded:
    """With a valid id token or a valid API key."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        token, key = credentials_of(request)
        services = request.app[SERVICES]
        if token is not None:
            who = (await services.sessions.authenticate(token)).member
        elif key is not None:
            keys = services.named_api_keys if key.startswith(NamedKey.PREFIX) else services.accounts
            who = await keys.by_api_key(key, visitor_of(request))
        else:
            raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)
        query.check(request, about.query)
        return await handler(request, who)

    return Guarded(guarded, Access.MEMBER, about)


def resource_server(described: Described[ResourceServerHandler], _: Literal[Cost.LOOK_UPS]) -> Guarded:
    """With the credential of a resource server, in HTTP Basic."""
    handler, about = described.handler, described.about

    async def guarded(request: web.Request) -> web.StreamResponse:
        credential, _ = _presented(request)
        client = await request.app[SERVICES].resource_servers.by_credential(credential, visitor_of(request))
        query.check(request, about.query)
        return await handler(request, client)

    return Guarded(guarded, Access.RESOURCE_SERVER, about)


def credentials_of(request: web.Request) -> tuple[str | None, str | None]:
    """The bearer token and the API key; at most one of them.

    Raises InvalidTokenError for a scheme that is not Bearer, and MalformedRequestError as `_presented` does.
    """
    authorization, key = _presented(request)
    if authorization is None:
        return None, key
    scheme, _, token = authorization.partition(" ")  # RFC 6750 section 2.1
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError(Fault.NO_CREDENTIAL, presented=False)  # no token was sent (RFC 6750 section 3.1)
    return token.lstrip(" "), None


def _presented(request: web.Request) -> tuple[str | None, str | None]:
    """The Authorization field and the API key, at most one of them. Raises MalformedRequestError for more."""
    authorizations = request.headers.getall(hdrs.AUTHORIZATION, [])
    keys = request.headers.getall(API_KEY, [])
    if len(authorizations) + len(keys) > 1:
        raise MalformedRequestError
    return authorizations[0].strip() if authorizations else None, keys[0] if keys else None
