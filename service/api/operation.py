"""One row of the route table: what is mounted, and what the OpenAPI document says about it."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from service.api.guards import Handler
from service.api.queries import NoQuery
from service.api.schemas import Payload
from service.errors import AuthError


class Access(Enum):
    """How a caller proves who they are, as OpenAPI security schemes."""

    OPEN = ()
    BEARER = ("idToken",)
    MEMBER = ("idToken", "apiKey")
    RESOURCE_SERVER = ("resourceServer",)


@dataclass(frozen=True, slots=True)
class Returns:
    """The answer of a call that went well."""

    status: HTTPStatus = HTTPStatus.OK
    body: type[Payload] | None = None
    media_type: str | None = "application/json"
    other_media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    handler: Handler
    summary: str
    returns: Returns
    query: type[Payload] = NoQuery
    takes: type[Payload] | None = None
    takes_form: bool = False  # OAuth's own encoding, besides JSON
    refuses: tuple[type[AuthError], ...] = ()
    access: Access = Access.OPEN
    needs_the_time: bool = True  # refused by an instance whose clock is wrong
