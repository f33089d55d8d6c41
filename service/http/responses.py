"""How answers leave: the fields that each of them has, and a short way to the socket."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion10
from multidict import CIMultiDict, istr

from service.http.context import REQUEST_ID

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNLESS_SAID = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
BODILESS = (204, 304)  # RFC 9110 section 8.6: no Content-Length either


def complete(headers: CIMultiDict[str], request_id: str) -> None:
    """Add what each answer has to one that goes the library's way."""
    headers["X-Request-Id"] = request_id
    headers.extend(ALWAYS)
    for name, value in UNLESS_SAID.items():
        headers.setdefault(name, value)


class Answer(web.Response):
    """A small answer, written in one piece with the fields that each answer has.

    The library's own way can stream, compress and chunk besides; it takes a fifth of an authenticated request.
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
        if self._keep_alive is (request.version == HttpVersion10):  # each version says what it does not do by itself
            fields += f"Connection: {'keep-alive' if self._keep_alive else 'close'}\r\n"
        sent = b"" if self.status in BODILESS or request.method == hdrs.METH_HEAD else body
        await request.writer.write(f"{fields}\r\n".encode("ascii") + sent)


class LastWord(web.Response):
    """An answer of fixed bytes, after which the connection ends."""

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
