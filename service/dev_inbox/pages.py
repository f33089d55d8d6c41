"""`GET /dev/mails` and what belongs to it. Other instances than that of `tokenhouse dev` do not have these paths.

Codes and links that are as good as passwords are shown, so only this machine may ask, by a name of this machine: a web
page whose name was made to lead here is refused.
"""

import base64
import hashlib
import html
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import hdrs, web
from pydantic_core import to_json

from service.dev_inbox.messages import ShownMail, shown
from service.domain.mail.ports import Inbox
from service.http.errors import NotFoundError
from service.http.responses import Response

MOST = 100  # mails on the page and in the JSON
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    "iframe{width:100%;height:24em;border:1px solid #8888}pre{white-space:pre-wrap}summary{cursor:pointer}"
)
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
OF_THE_PAGE = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; frame-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
OF_A_MAIL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mails</title><style>{style}</style></head>
<body><h1>Mails</h1>
<p>Kept instead of being sent, the newest first.
For programs: <a href="/dev/mails.json">/dev/mails.json?to=ADDRESS</a></p>
{mails}
</body></html>
"""
MAIL = """<h2>{subject}</h2>
<p>To {to}, {at}</p>
<pre>{text}</pre>
<details><summary>HTML</summary>
<iframe sandbox loading="lazy" src="/dev/mails/{id}" title="{subject}"></iframe></details>
"""
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, inbox: Inbox) -> None:
    pages = InboxPages(inbox)
    for path, handle in (
        ("/dev/mails", pages.page),
        ("/dev/mails.json", pages.listing),
        ("/dev/mails/{id}", pages.one),
    ):
        app.router.add_get(path, _for_this_machine(handle), allow_head=False)


class InboxPages:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def page(self, request: web.Request) -> web.StreamResponse:
        mails = await self._mails(request)
        blocks = (MAIL.format(**{name: html.escape(value) for name, value in one.facts.items()}) for one in mails)
        text = PAGE.format(style=STYLE, mails="".join(blocks) or "<p>There is none.</p>")
        return _html(text, OF_THE_PAGE)

    async def listing(self, request: web.Request) -> web.StreamResponse:
        body = to_json([one.facts | one.secrets for one in await self._mails(request)])
        return Response(body=body, content_type="application/json", charset="utf-8")

    async def one(self, request: web.Request) -> web.StreamResponse:
        try:
            kept = await self._inbox.kept_one(UUID(request.match_info["id"]))
        except ValueError:
            kept = None
        if kept is None:
            raise NotFoundError
        return _html(shown(kept).html, OF_A_MAIL)

    async def _mails(self, request: web.Request) -> list[ShownMail]:
        return [shown(one) for one in await self._inbox.kept(MOST, request.query.get("to", ""))]


def _html(text: str, policy: str) -> web.Response:
    return Response(
        status=HTTPStatus.OK,
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": policy},
    )


def _for_this_machine(handle: Handle) -> Handle:
    async def handle_here(request: web.Request) -> web.StreamResponse:
        if not (_is_here(request.remote) and _is_here(_host_of(request.headers.get(hdrs.HOST, "")))):
            raise NotFoundError
        return await handle(request)

    return handle_here


def _host_of(field: str) -> str | None:
    try:
        return urlsplit(f"//{field}").hostname
    except ValueError:
        return None


def _is_here(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
