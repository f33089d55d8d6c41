"""Reading a request's query parameters: as strictly as a body, against the schema of the call."""

from typing import Annotated, TypeVar

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
    """In upper or lower case. A value that is none of these must not pass for "no": the caller meant something."""
    word = value.lower() if isinstance(value, str) else value
    if word not in TRUE + FALSE:
        raise PydanticCustomError("not_boolean", "must be true or false")
    return word in TRUE


Switch = Annotated[bool, BeforeValidator(_switch)]


class NoQuery(Schema):
    """Of a call that takes no query parameters."""


def read(request: web.Request, schema: type[S]) -> S:
    """The query as the schema of the call.

    Raises MalformedQueryError for what is not well-formed, given twice or not a value of its parameter; and, unless the
    call only reads, for a parameter that it does not take: a misspelt option must not do less than was asked for.
    """
    text = request.rel_url.raw_query_string
    try:
        given = parameters(text) if text else {}
        known = {field.alias for field in schema.model_fields.values()}
        if request.method not in READING and not given.keys() <= known:
            raise MalformedQueryError
        return schema.model_validate(given, by_name=False, by_alias=True)
    except ValueError:  # pydantic's refusal is one
        raise MalformedQueryError from None


def check(request: web.Request, schema: type[Schema]) -> None:
    """Judge the query of a call before it does anything, whether or not its handler reads it.

    What a call without parameters is asked with is ignored where it only reads. Raises MalformedQueryError.
    """
    if schema is not NoQuery or request.method not in READING:
        read(request, schema)
