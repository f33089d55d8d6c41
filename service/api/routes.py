"""The whole surface: every call, who may make it, what it takes and what it gives."""

from http import HTTPStatus

from service.api import account, auth, docs, ops, payloads, trust
from service.api.guards import bearer, member
from service.api.operations import Access, Operation, Returns
from service.errors import (
    EmailTakenError,
    InvalidAccessTokenError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    OverloadedError,
    RateLimitedError,
    TokenMismatchError,
    UnavailableError,
)

HTML = Returns(media_type="text/html")
JSON = Returns()

OPEN = (
    Operation(
        method="POST", path="/auth/signup", handler=auth.sign_up, summary="Create an account; it is active at once",
        takes=payloads.SignUp, returns=Returns(HTTPStatus.CREATED, payloads.SignedUp),
        refuses=(EmailTakenError, RateLimitedError, OverloadedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/login", handler=auth.login, summary="Log in with e-mail and password",
        takes=payloads.Login, returns=Returns(body=payloads.SignedIn),
        refuses=(InvalidCredentialsError, RateLimitedError, OverloadedError, UnavailableError),
    ),
    Operation(
        method="POST", path="/auth/refresh", handler=auth.refresh, summary="Get new tokens without the password",
        takes=payloads.Refresh, returns=Returns(body=payloads.Refreshed),
        refuses=(InvalidRefreshTokenError, RateLimitedError, UnavailableError),
    ),
    Operation(
        method="GET", path="/.well-known/jwks.json", handler=trust.jwks, summary="The keys that verify our tokens",
        returns=JSON,
    ),
    Operation(
        method="GET", path="/healthz", handler=ops.healthz, summary="Whether the process is alive",
        returns=Returns(body=payloads.Health),
    ),
    Operation(
        method="GET", path="/readyz", handler=ops.readyz, summary="Whether the process can serve: Postgres and Redis",
        returns=Returns(body=payloads.Readiness), refuses=(UnavailableError,),
    ),
    Operation(
        method="GET", path="/openapi.json", handler=docs.openapi, summary="This document", returns=JSON,
    ),
    Operation(
        method="GET", path="/docs", handler=docs.page, summary="This document, to read and to try", returns=HTML,
    ),
    Operation(
        method="GET", path="/docs/{file}", handler=docs.asset, summary="A file of that page", returns=HTML,
    ),
)  # fmt: skip

BEARER = (
    Operation(
        method="POST", path="/auth/logout", handler=bearer(auth.logout), summary="End the session, on every instance",
        takes=payloads.Logout, returns=Returns(body=payloads.Message), access=Access.BEARER,
        refuses=(InvalidAccessTokenError, TokenMismatchError, UnavailableError),
    ),
)  # fmt: skip

MEMBER = (
    Operation(
        method="GET", path="/auth/me", handler=member(account.me), summary="Who I am",
        returns=Returns(body=payloads.Profile), access=Access.MEMBER, refuses=(RateLimitedError, UnavailableError),
    ),
)  # fmt: skip

OPERATIONS = (*OPEN, *BEARER, *MEMBER)
