"""Reads request bodies: one small JSON object in UTF-8, without the irregularities that JSON parsers accept."""

import asyncio
import json
import math
import re
from typing import Any, Never, TypeVar
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from service.errors import InvalidFieldsError
from service.http.context import HTTP
from service.http.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    InvalidRequestError,
    MalformedJsonError,
    MalformedRequestError,
    MissingBodyAndTypeError,
    MissingBodyError,
    MissingFormError,
    UnsupportedFormError,
    UnsupportedMediaTypeError,
)
from service.http.schema import Schema, parse

MAX_BYTES = 16 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 300
MEDIA_TYPE = re.compile(r'application/json[ \t]*(?:;[ \t]*charset=("?)utf-8\1[ \t]*)?', re.ASCII | re.IGNORECASE)

FORM = re.compile(
    r'application/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset=("?)utf-8\1[ \t]*)?', re.ASCII | re.IGNORECASE
)
MAX_PARAMETERS = 16

S = TypeVar("S", bound=Schema)


async def read(request: web.Request, schema: type[S]) -> S:
    """The body as its schema. Media type and size are checked before any of it is parsed.

    Raises UnsupportedMediaTypeError, BodyTooLargeError, BodyTimeoutError, MalformedRequestError, MalformedJsonError
    or InvalidFieldsError.
    """
    _check_head(request, MEDIA_TYPE)
    if not (body := await _bytes(request)):
        raise MissingBodyError
    return parse(schema, strict_json(body))


async def read_object(request: web.Request, most: int) -> dict[str, Any]:
    """A body of at most `most` bytes as an object, whatever its media type; nothing at all is an empty one.

    Raises BodyTooLargeError, BodyTimeoutError, MalformedRequestError or MalformedJsonError.
    """
    if (request.content_length or 0) > most:
        raise BodyTooLargeError
    request._client_max_size = most  # noqa: SLF001 - the application's own bound is that of the API
    body = await _bytes(request)
    return strict_json(body) if body else {}


def arrived(request: web.BaseRequest) -> bytes | None:
    """The body where all of it came along with the head; it stays to be read. None where some of it is under way."""
    content = request.content
    return b"".join(getattr(content, "_buffer", ())) if content.is_eof() else None


async def read_optional(request: web.Request, schema: type[S]) -> S | None:
    """As `read`; None for a request without a body, whatever its media type."""
    return await read(request, schema) if request.body_exists and await _bytes(request) else None


async def read_form(request: web.Request, schema: type[S]) -> S:
    """The body as OAuth sends it, a form (RFC 6749 appendix B), or as a JSON object with the same names.

    Raises InvalidRequestError for malformed JSON, invalid fields and duplicate parameters, otherwise as `read` does.
    """
    is_form = _check_head(request, FORM, MEDIA_TYPE) is FORM
    body = await _bytes(request)
    try:
        return parse(schema, parameters(body.decode("ascii")) if is_form else strict_json(body))
    except (MalformedJsonError, InvalidFieldsError, ValueError):
        raise InvalidRequestError from None


async def read_pairs(request: web.Request) -> dict[str, str]:
    """The fields of a form that a browser sends, none of them twice.

    Raises UnsupportedFormError, BodyTooLargeError, BodyTimeoutError or MalformedRequestError.
    """
    _check_head(request, FORM)
    body = await _bytes(request)
    try:
        return {name: _printable(value) for name, value in parameters(body.decode("ascii")).items()} if body else {}
    except ValueError:
        raise MalformedRequestError from None


def _printable(value: str) -> str:
    """Postgres takes no NUL."""
    if "\0" in value:
        raise ValueError("a field holds a NUL")
    return value


def _check_head(request: web.Request, *accepted: re.Pattern[str]) -> re.Pattern[str]:
    """Which of the accepted media types the body has."""
    media_types = request.headers.getall(hdrs.CONTENT_TYPE, [])
    if not media_types and not request.body_exists:
        raise MissingFormError if FORM in accepted else MissingBodyAndTypeError
    found = [one for one in accepted if len(media_types) == 1 and one.fullmatch(media_types[0].strip())]
    if not found or hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedFormError if FORM in accepted else UnsupportedMediaTypeError
    if (request.content_length or 0) > MAX_BYTES:
        raise BodyTooLargeError
    return found[0]


def parameters(text: str) -> dict[str, Any]:
    """Parse a form or a query string. Raises ValueError for bad syntax and for duplicate names."""
    return _without_duplicates(
        parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    )


async def _bytes(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():  # all of it has come: there is nothing to wait for
            return await request.read()
        async with asyncio.timeout(request.app[HTTP].body_timeout.total_seconds()):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLargeError from None
    except TimeoutError:
        raise BodyTimeoutError from None
    except (web.RequestPayloadError, OSError, ValueError) as broken:  # bad chunks, or the client disconnected
        raise MalformedRequestError from broken


def strict_json(body: bytes) -> dict[str, Any]:
    """One JSON object (RFC 8259). Raises MalformedJsonError for anything else, even if other parsers accept it."""
    try:
        value = _STRICT.decode(body.decode("utf-8"))
        _check(value)
    except (ValueError, RecursionError):
        raise MalformedJsonError from None
    if not isinstance(value, dict):
        raise MalformedJsonError
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name appears twice")
    return names


def _refuse(_: str) -> Never:
    raise ValueError("NaN and Infinity are no JSON")


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if len(digits) > MAX_DIGITS or not math.isfinite(number):
        raise ValueError("a number is too long")
    return number


_STRICT = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refuse, parse_int=_int, parse_float=_float
)


def _check(value: object) -> None:
    """Depth within bounds, and no lone surrogate: UnicodeEncodeError is a ValueError."""
    level, depth = [value], 0
    while level:
        deeper: list[object] = []
        for item in level:
            match item:
                case str():
                    item.encode()
                case dict():
                    deeper += [*item, *item.values()]
                case list():
                    deeper += item
                case _:
                    pass  # numbers, true, false and null hold nothing
        depth += any(isinstance(item, dict | list) for item in level)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        level = deeper
