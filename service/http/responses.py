"""Responses: the common header fields, and a fast way to write small ones."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import ETag, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion10, HttpVersion11
from multidict import CIMultiDict, istr
from pydantic import BaseModel
from pydantic_core import to_json

from service.http.context import REQUEST_ID

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNLESS_SAID = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
BODILESS = (204, 304)  # RFC 9110 section 8.6: no Content-Length either


def complete(headers: CIMultiDict[str], request_id: str) -> None:
    """Add the common header fields to a response that aiohttp writes."""
    headers["X-Request-Id"] = request_id
    headers.extend(ALWAYS)
    for name, value in UNLESS_SAID.items():
        headers.setdefault(name, value)


class Response(web.Response):
    """A small response, written in one piece with the common header fields.

    aiohttp's own way can also stream, compress and chunk; it takes a fifth of the time of an authenticated request.
    """

    _asked: web.Request

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        assert isinstance(request, web.Request)  # noqa: S101 - an application makes no other
        self._asked = request
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - the library's signature
        request, own, body = self._asked, self.headers, self.body if isinstance(self.body, bytes) else b""
        fields = f"HTTP/1.1 {self.status} {self.reason}\r\n{_ALWAYS}{_lines(own)}"
        for name, line in _UNLESS_SAID:
            if name not in own:
                fields += line
        fields += f"X-Request-Id: {request[REQUEST_ID]}\r\nDate: {rfc822_formatted_time()}\r\n"
        if self.status not in BODILESS:
            fields += f"Content-Length: {len(body)}\r\n"
        if self._keep_alive is (request.version == HttpVersion10):  # sent where it is not the version's default
            fields += f"Connection: {'keep-alive' if self._keep_alive else 'close'}\r\n"
        sent = b"" if self.status in BODILESS or request.method == hdrs.METH_HEAD else body
        await request.writer.write(f"{fields}\r\n".encode("ascii") + sent)


def json_response(body: BaseModel, status: HTTPStatus = HTTPStatus.OK, *, null: bool = False) -> web.Response:
    """Members without a value are left out, unless they are to be null."""
    return Response(
        status=status,
        body=to_json(body, by_alias=True, exclude_none=not null),
        content_type="application/json",
        charset="utf-8",
    )


def no_content(headers: Mapping[str, str] | None = None) -> web.Response:
    return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def cacheable(request: web.Request, body: bytes, content_type: str, max_age: int) -> web.Response:
    """Caches may keep it for `max_age` seconds. 304 for a client that has this body (RFC 9110 section 13.1.2)."""
    tag = ETag(hashlib.sha256(body).hexdigest()[:32])
    held = {one.value for one in request.if_none_match or ()}
    is_any = request.headers.get(hdrs.IF_NONE_MATCH, "").strip() == "*"  # quoted, it is a tag like any other
    if tag.value in held or is_any:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = web.Response(body=body, content_type=content_type)
    response.etag = tag
    response.headers[hdrs.CACHE_CONTROL] = f"public, max-age={max_age}"
    return response


def stream(request: web.BaseRequest, pieces: AsyncIterator[bytes]) -> web.Response:
    """A JSON document that is generated while it is sent, as fast as the client reads.

    A failure midway closes the connection before the document ends, so that no part is mistaken for the whole.
    """
    response = web.Response(body=pieces, content_type="application/json", charset="utf-8")
    if request.version < HttpVersion11:  # HTTP/1.0 has no chunks: the document ends with the connection
        response.force_close()
    return response


class FinalResponse(web.Response):
    """A response of fixed bytes, after which the connection closes."""

    def __init__(self, answer: bytes, write: Callable[[bytes], None], hang_up: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._answer, self._write, self._hang_up = answer, write, hang_up
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - the library's signature
        self._write(self._answer)

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - the library's signature
        await self._hang_up()


def _lines(headers: Mapping[str, str]) -> str:
    """Raises ValueError for a value that would end its line."""
    lines = ""
    for name, value in headers.items():
        if not value.isprintable():
            raise ValueError("a header field holds a control character")
        lines += f"{name}: {value}\r\n"
    return lines


_ALWAYS = _lines(ALWAYS)
_UNLESS_SAID = [(istr(name), _lines({name: value})) for name, value in UNLESS_SAID.items()]
