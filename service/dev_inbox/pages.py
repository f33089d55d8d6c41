"""`GET /dev/mails` and what belongs to it. Other instances than that of `tokenhouse dev` do not have these paths.

Codes and links that are as good as passwords are shown, so only this machine may ask, by a name of this machine: a web
page whose name was made to lead here is refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import hdrs, web
from pydantic_core import to_json

from service.dev_inbox.messages import InboxMail, shown
from service.domain.mail.ports import Inbox
from service.http.errors import NotFoundError
from service.http.responses import Response
from service.pages.context import PAGES, MoreLink
from service.pages.rendering import POLICY, Renderings

PATH = "/dev/mails"
MOST = 100  # mails on the page and in the JSON
OF_THE_PAGE = {"Content-Security-Policy": f"{POLICY}; frame-src 'self'"}
OF_A_MAIL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, inbox: Inbox, renderings: Renderings) -> None:
    pages = InboxPages(inbox, renderings)
    for path, handle in (
        (PATH, pages.page),
        (f"{PATH}.json", pages.listing),
        (f"{PATH}/{{id}}", pages.one),
    ):
        app.router.add_get(path, _for_this_machine(handle), allow_head=False)
    if PAGES in app:
        app[PAGES].more.append(MoreLink(PATH, "Mails that were kept instead of being sent"))


class InboxPages:
    def __init__(self, inbox: Inbox, renderings: Renderings) -> None:
        self._inbox = inbox
        self._renderings = renderings

    async def page(self, request: web.Request) -> web.StreamResponse:
        mails = [one.facts | _openable(one.secrets, request) for one in await self._mails(request)]
        return self._renderings.page("mails.html", {"mails": mails}, headers=OF_THE_PAGE)

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
        return Response(
            text=shown(kept).html,
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": OF_A_MAIL},
        )

    async def _mails(self, request: web.Request) -> list[InboxMail]:
        return [shown(one) for one in await self._inbox.kept(MOST, request.query.get("to", ""))]


def _openable(secrets: Mapping[str, str], request: web.Request) -> dict[str, str]:
    """A link leads to a web page, or is left out. One to this instance keeps the name that the browser knows it by:
    whoever is signed in at localhost is not at 127.0.0.1."""
    link = secrets.get("link", "")
    parts = urlsplit(link)
    if parts.scheme not in {"http", "https"}:
        link = ""
    elif _is_here(parts.hostname) and parts.port == request.url.port:
        link = parts._replace(scheme="", netloc="").geturl()
    return {"code": secrets.get("code", ""), "link": link}


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
