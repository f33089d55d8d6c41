"""One row of the route table: method, path, handler and access."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from aiohttp import hdrs
from aiohttp.typedefs import Handler

from service.api.description import Description


class Access(Enum):
    """How a caller authenticates, as OpenAPI security schemes."""

    OPEN = ()
    BEARER = ("idToken",)
    OPTIONAL = ("idToken", "")  # also without
    MEMBER = ("idToken", "apiKey")
    RESOURCE_SERVER = ("resourceServer",)
    ADMIN = ("adminToken",)


class Guarded(NamedTuple):
    """A handler behind its guard."""

    handler: Handler
    access: Access
    about: Description
    scopes: tuple[str, ...] = ()  # that the credential must have


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    handler: Handler
    access: Access
    about: Description
    scopes: tuple[str, ...] = ()


def get(path: str, guarded: Guarded) -> Operation:
    return Operation(hdrs.METH_GET, path, *guarded)


def post(path: str, guarded: Guarded) -> Operation:
    return Operation(hdrs.METH_POST, path, *guarded)


def patch(path: str, guarded: Guarded) -> Operation:
    return Operation(hdrs.METH_PATCH, path, *guarded)


def delete(path: str, guarded: Guarded) -> Operation:
    return Operation(hdrs.METH_DELETE, path, *guarded)
