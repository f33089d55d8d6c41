"""What the OpenAPI document says of a call. It stands with the handler, as a decorator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Generic, TypeVar

from aiohttp import web

from service.errors import AuthError, OverloadedError, RateLimitedError, UnavailableError
from service.http.query import NoQuery
from service.http.schema import Schema

AUTHORIZE = "Send the `idToken` of a login as `Authorization: Bearer …`."
CACHEABLE = ("Cache-Control", "ETag")
HASHING = (RateLimitedError, OverloadedError, UnavailableError)  # of every call that judges or makes a password

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])
H_co = TypeVar("H_co", bound=Callable[..., Awaitable[web.StreamResponse]], covariant=True)


class Tag(Enum):
    """The subjects, in the order of use."""

    SIGN_IN = "Sign in", "The four calls: sign up, log in, refresh, log out."
    ACCOUNT = "Account", "What members see and change of their own account."
    SESSIONS = "Sessions", "The logins of a member, one for each device."
    VERIFICATION = "Verification", "For services and proxies that are shown a token."
    OPERATIONS = "Operations", "For orchestrators and balancers."
    DOCUMENTATION = "Documentation", "This document."


@dataclass(frozen=True, slots=True)
class Returns:
    """The response of a call that went well."""

    status: HTTPStatus = HTTPStatus.OK
    body: type[Schema] | None = None
    media_type: str | None = "application/json"
    other_media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described(Generic[H_co]):
    """A handler, to be mounted by a guard that has what it needs."""

    handler: H_co
    about: "Description"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """`refuses` are the refusals of the call's own: those of its guard, its body and its query follow from the rest."""

    tag: Tag
    summary: str
    description: str
    returns: Returns
    query: type[Schema] = NoQuery
    takes: type[Schema] | None = None
    takes_form: bool = False  # OAuth's own encoding, besides JSON
    refuses: tuple[type[AuthError], ...] = ()
    sends: tuple[str, ...] = ()  # header fields of a good response, besides those that each response has
    not_modified: bool = False  # answers 304 to a client that has this very body
    needs_the_time: bool = True  # refused by an instance whose clock is wrong

    def __call__(self, handler: H) -> Described[H]:
        return Described(handler, self)


NOTHING = Returns(HTTPStatus.NO_CONTENT, media_type=None)
