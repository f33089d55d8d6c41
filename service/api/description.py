"""The OpenAPI description of a call, as a decorator of its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Generic, TypeVar

from aiohttp import web

from service.errors import (
    AuthError,
    InvalidCodeError,
    OverloadedError,
    RateLimitedError,
    SecondFactorRequiredError,
    UnavailableError,
    WrongPasswordError,
)
from service.http.query import NoQuery
from service.http.schema import Schema

AUTHORIZE = "Send the `idToken` of a login as `Authorization: Bearer …`."
CACHEABLE = ("Cache-Control", "ETag")
HASHING = (RateLimitedError, OverloadedError, UnavailableError)  # of every call that checks or hashes a password
# Of every call that a member confirms with the password and, where there is one, the second factor.
CONFIRMING = (WrongPasswordError, SecondFactorRequiredError, InvalidCodeError, *HASHING)

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])
H_co = TypeVar("H_co", bound=Callable[..., Awaitable[web.StreamResponse]], covariant=True)


class Tag(Enum):
    """The tags of the document, in its order."""

    SIGN_IN = "Sign in", "The four calls: sign up, log in, refresh, log out."
    RECOVERY = "Recovery", "Forgotten passwords, and proofs of an address. Answered where mail is set up."
    ACCOUNT = "Account", "What members see and change of their own account."
    SESSIONS = "Sessions", "The logins of a member, one for each device."
    SECOND_FACTORS = "Second factors", "What a login asks for besides the password."
    VERIFICATION = "Verification", "For services and proxies that are shown a token."
    ADMINISTRATION = (
        "Administration",
        "For operators' programs, with an admin token of the scope that a call names. Where `admin.enabled` is set.",
    )
    OPERATIONS = "Operations", "For orchestrators and balancers."
    DOCUMENTATION = "Documentation", "This document."


@dataclass(frozen=True, slots=True)
class Returns:
    """The response of a successful call."""

    status: HTTPStatus = HTTPStatus.OK
    body: type[Schema] | None = None
    message: str = ""  # in the example, where the body is a message
    media_type: str | None = "application/json"
    other_media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described(Generic[H_co]):
    """A handler with its description, to be mounted by the guard that supplies its arguments."""

    handler: H_co
    about: "Description"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """`refuses` lists the call's own errors; those of its guard, body and query are derived from the other fields."""

    tag: Tag
    summary: str
    description: str
    returns: Returns
    query: type[Schema] = NoQuery
    takes: type[Schema] | None = None
    body_is_optional: bool = False
    takes_form: bool = False  # OAuth's own encoding, besides JSON
    refuses: tuple[type[AuthError], ...] = ()
    sends: tuple[str, ...] = ()  # header fields of a successful response, besides the common ones
    may_send: tuple[str, ...] = ()  # those that not each successful response has
    not_modified: bool = False  # responds 304 to a client that has this body already
    needs_the_time: bool = True  # refused by an instance whose clock is wrong

    def __call__(self, handler: H) -> Described[H]:
        return Described(handler, self)


NOTHING = Returns(HTTPStatus.NO_CONTENT, media_type=None)
