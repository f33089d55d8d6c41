"""What handlers of pages have at hand."""

from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import hdrs, web

from service.domain.models import Caller, User, Visitor
from service.domain.services import Services
from service.domain.sessions.page_sessions import SignedInPage
from service.http.context import RENDERER, visitor_of
from service.pages.cookies import Cookies
from service.pages.forms import Form
from service.pages.rendering import PageErrors, Renderings, Values


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

    def query(self, name: str) -> str:
        """Empty where it was not sent."""
        return self.request.query.get(name, "")

    def answer(self, template: str, values: Values, *cookies: str) -> web.Response:
        """A page that answers a form, for what is shown this once."""
        response = self.context.renderings.page(template, {"who": self.page, **values})
        for cookie in cookies:
            response.headers.add(hdrs.SET_COOKIE, cookie)
        return response

    def show_refusals_on(self, template: str, values: Values, form: Form) -> None:
        """From now on, in place of the page that the form belongs to by its path."""
        self.request[RENDERER] = PageErrors(self.context.renderings, template, {"who": self.page, **values}, form)


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

    def answer(self, template: str, values: Values, *cookies: str) -> web.Response:
        return self.asked.answer(template, values, *cookies)

    async def renewed(self) -> str:
        """The cookie of a new session in place of this one. Raises as `PageSessions.renew` does."""
        signed_in = await self.services.page_sessions.renew(self.page, self.visitor)
        return self.asked.context.cookies.keep_session(signed_in.refresh_token)
