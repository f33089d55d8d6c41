"""Reads a request's query parameters against the schema of the call, as strictly as a body."""

from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from service.http.errors import MalformedQueryError
from service.http.request_body import parameters
from service.http.schema import Schema

READING = (hdrs.METH_GET, hdrs.METH_HEAD)
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")

S = TypeVar("S", bound=Schema)


def _switch(value: object) -> bool:
    """Case-insensitive. Any other value is an error and not false: the caller meant something by it."""
    word = value.lower() if isinstance(value, str) else value
    if word not in TRUE + FALSE:
        raise PydanticCustomError("not_boolean", "must be true or false")
    return word in TRUE


Switch = Annotated[bool, BeforeValidator(_switch)]


class NoQuery(Schema):
    """For calls without query parameters."""


class AddedQuery(Schema):
    """Of a call that had no parameters at first, and ignored its query: it still ignores what it does not know.

    The values of a repeated parameter are joined with commas; the handler judges them.
    """


def read(request: web.Request, schema: type[S]) -> S:
    """The query as the schema of the call.

    Raises MalformedQueryError for bad syntax, a duplicate parameter or an invalid value; and, unless the call
    only reads, for an unknown parameter: a misspelt option must not do less than the caller asked for.
    """
    text = request.rel_url.raw_query_string
    if issubclass(schema, AddedQuery):
        return schema.model_validate(_known(text, schema), by_name=False, by_alias=True)
    try:
        given = parameters(text) if text else {}
        known = {field.alias for field in schema.model_fields.values()}
        if request.method not in READING and not given.keys() <= known:
            raise MalformedQueryError
        return schema.model_validate(given, by_name=False, by_alias=True)
    except ValueError:  # pydantic's ValidationError is one
        raise MalformedQueryError from None


def check(request: web.Request, schema: type[Schema]) -> None:
    """Validate the query of a call before it does anything, whether or not its handler reads it.

    A call that only reads and has no parameters ignores its query. Raises MalformedQueryError.
    """
    if issubclass(schema, AddedQuery):
        return  # it refuses nothing; the handler reads it
    if schema is not NoQuery or request.method not in READING:
        read(request, schema)


def require_text(request: web.Request) -> None:
    """Raises MalformedQueryError for a NUL, which no store takes, in a call that looks its parameters up."""
    if "\0" in request.rel_url.query_string:
        raise MalformedQueryError


def _known(text: str, schema: type[AddedQuery]) -> dict[str, str]:
    found: dict[str, str] = {}
    names = {field.alias for field in schema.model_fields.values()}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace") if text else ():
        if name in names:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found
