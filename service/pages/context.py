"""What handlers of pages have at hand."""

from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from service.domain.models import Caller, User, Visitor
from service.domain.services import Services
from service.domain.sessions.page_sessions import SignedInPage
from service.http.context import visitor_of
from service.pages.cookies import Cookies
from service.pages.rendering import Renderings


class MoreLink(NamedTuple):
    path: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesContext:
    services: Services
    renderings: Renderings
    cookies: Cookies
    origin: str  # of the service's public address, as browsers write it
    more: list[MoreLink] = field(default_factory=list)  # on the front page, to what else this instance has mounted


PAGES = web.AppKey("pages", PagesContext)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a page; `page` is None for somebody who is not signed in."""

    request: web.Request
    context: PagesContext
    page: SignedInPage | None

    @property
    def services(self) -> Services:
        return self.context.services

    @property
    def visitor(self) -> Visitor:
        return visitor_of(self.request)


@dataclass(frozen=True, slots=True)
class AskedBy:
    """A request of somebody who is signed in."""

    asked: Asked
    page: SignedInPage

    @property
    def services(self) -> Services:
        return self.asked.context.services

    @property
    def visitor(self) -> Visitor:
        return self.asked.visitor

    @property
    def caller(self) -> Caller:
        return self.page.caller

    @property
    def user(self) -> User:
        return self.page.user
