"""The whole surface: every call, who may make it, what it takes and what it gives."""

from http import HTTPStatus

from service.api import account, auth, docs, forward_auth, health, introspection, queries, schemas, well_known
from service.api.guards import Cost, bearer, member, resource_server
from service.api.operation import Access, Operation, Returns
from service.errors import (
    EmailTakenError,
    InvalidAccessTokenError,
    InvalidClientError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    NotFoundError,
    OverloadedError,
    RateLimitedError,
    TokenMismatchError,
    UnavailableError,
    WrongPasswordError,
)

HTML = Returns(media_type="text/html")
JSON = Returns()
NOTHING = Returns(HTTPStatus.NO_CONTENT, media_type=None)
HASHING = (RateLimitedError, OverloadedError, UnavailableError)  # of every call that judges or makes a password

OPEN = (
    Operation(
        method="POST", path="/auth/signup", handler=auth.sign_up, summary="Create an account; it is active at once",
        takes=schemas.SignUp, returns=Returns(HTTPStatus.CREATED, schemas.SignedUp),
        refuses=(EmailTakenError, RateLimitedError, OverloadedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/login", handler=auth.login, summary="Log in with e-mail and password",
        takes=schemas.Login, returns=Returns(body=schemas.SignedIn),
        refuses=(InvalidCredentialsError, RateLimitedError, OverloadedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/refresh", handler=auth.refresh, summary="Get new tokens without the password",
        takes=schemas.Refresh, returns=Returns(body=schemas.Refreshed),
        refuses=(InvalidRefreshTokenError, RateLimitedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/revoke", handler=introspection.revoke, takes=schemas.Token, takes_form=True,
        summary="End the session of a refresh or access token (RFC 7009)", returns=Returns(media_type=None),
        refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="GET", path="/auth/revocations", handler=introspection.revocations,
        summary="Which sessions are over, signed, for verifiers that stay offline", query=queries.Revocations,
        returns=Returns(media_type=introspection.FEED), refuses=(UnavailableError,),
    ),
    Operation(
        method="GET", path="/.well-known/jwks.json", handler=well_known.jwks, summary="The keys that verify our tokens",
        returns=JSON,
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/.well-known/openid-configuration", handler=well_known.discovery,
        summary="Where the keys are, and what the tokens hold", returns=JSON,
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/healthz", handler=health.healthz, summary="Whether the process is alive",
        returns=Returns(body=schemas.Health),
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/readyz", handler=health.readyz, summary="Whether the process can serve: Postgres and Redis",
        returns=Returns(body=schemas.Readiness), refuses=(UnavailableError,),
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/openapi.json", handler=docs.openapi, summary="This document", returns=JSON,
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/docs", handler=docs.page, summary="This document, to read and to try", returns=HTML,
        needs_the_time=False,
    ),
    Operation(
        method="GET", path="/docs/{file}", handler=docs.asset, summary="A file of that page",
        returns=Returns(media_type="text/css", other_media_types=("text/javascript",)), refuses=(NotFoundError,),
        needs_the_time=False,
    ),
)  # fmt: skip

BEARER = (
    Operation(
        method="POST", path="/auth/logout", handler=bearer(auth.logout, Cost.ONCE), access=Access.BEARER,
        summary="End the session, on every instance", takes=schemas.Logout, returns=Returns(body=schemas.Message),
        refuses=(InvalidAccessTokenError, TokenMismatchError, UnavailableError),
    ),
    Operation(
        method="GET", path="/auth/sessions", handler=bearer(account.sessions, Cost.LIST), access=Access.BEARER,
        summary="My sessions, the oldest first", returns=Returns(body=schemas.Sessions),
        refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="DELETE", path="/auth/sessions", handler=bearer(account.end_sessions, Cost.END), access=Access.BEARER,
        summary="End all my sessions but this one; with ?everywhere=true this one too", query=queries.EndSessions,
        returns=NOTHING, refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="DELETE", path="/auth/sessions/{sessionId}", handler=bearer(account.end_session, Cost.END),
        access=Access.BEARER, summary="End one of my sessions", returns=NOTHING,
        refuses=(NotFoundError, RateLimitedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/password", handler=bearer(account.change_password, Cost.PASSWORD),
        access=Access.BEARER, summary="Change my password; every other session of mine is over",
        takes=schemas.ChangePassword, returns=Returns(body=schemas.Message),
        refuses=(WrongPasswordError, *HASHING),
    ),
    Operation(
        method="POST", path="/auth/api-key", handler=bearer(account.rotate_api_key, Cost.ROTATION),
        access=Access.BEARER, summary="Replace my API key", returns=Returns(body=schemas.ApiKey),
        refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="GET", path="/auth/export", handler=bearer(account.export, Cost.EXPORT), access=Access.BEARER,
        summary="Everything that is stored about me", returns=Returns(body=schemas.Export),
        refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="DELETE", path="/auth/me", handler=bearer(account.close, Cost.PASSWORD), access=Access.BEARER,
        summary="Remove my account", takes=schemas.CloseAccount, returns=NOTHING,
        refuses=(WrongPasswordError, *HASHING),
    ),
)  # fmt: skip

MEMBER = (
    Operation(
        method="GET", path="/auth/me", handler=member(account.me, Cost.LOOK_UPS), summary="Who I am",
        returns=Returns(body=schemas.Profile), access=Access.MEMBER, refuses=(RateLimitedError, UnavailableError),
    ),
    Operation(
        method="GET", path="/auth/verify", handler=member(forward_auth.verify, Cost.LOOK_UPS),
        summary="Who I am, as X-Auth-User-Id and X-Auth-Email: for reverse proxies", access=Access.MEMBER,
        returns=Returns(HTTPStatus.NO_CONTENT, media_type=""), refuses=(RateLimitedError, UnavailableError),
    ),
)  # fmt: skip

RESOURCE_SERVER = (
    Operation(
        method="POST", path="/auth/introspect", handler=resource_server(introspection.introspect, Cost.LOOK_UPS),
        summary="What a token is good for (RFC 7662)", takes=schemas.Token, takes_form=True,
        returns=Returns(body=schemas.Introspected), access=Access.RESOURCE_SERVER,
        refuses=(InvalidClientError, RateLimitedError, UnavailableError),
    ),
)  # fmt: skip

OPERATIONS = (*OPEN, *BEARER, *MEMBER, *RESOURCE_SERVER)
