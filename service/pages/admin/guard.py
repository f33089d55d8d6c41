"""Who may see the pages of admins, as it is at each request. A page takes an admin as an argument."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from service.domain.administration.admins import Standing
from service.domain.administration.models import ADMIN_ACTOR
from service.domain.models import User
from service.domain.services import Services
from service.domain.sessions.page_sessions import SignedInPage
from service.pages.context import Asked
from service.pages.errors import NothingHereError
from service.pages.forms import Form
from service.pages.page import Action, Load
from service.pages.rendering import Values


@dataclass(frozen=True, slots=True)
class AskedByAdmin:
    """A request of an admin whose session has shown a second factor."""

    asked: Asked
    page: SignedInPage

    @property
    def services(self) -> Services:
        return self.asked.services

    @property
    def user(self) -> User:
        return self.page.user

    @property
    def request(self) -> web.Request:
        return self.asked.request

    @property
    def actor(self) -> str:
        """As the audit trail names who does it."""
        return f"{ADMIN_ACTOR}{self.user.id}"


LoadForAdmin = Callable[[AskedByAdmin], Awaitable[Values]]
SubmitForAdmin = Callable[[AskedByAdmin, Form], Awaitable[web.Response]]


def for_admins(load: LoadForAdmin) -> Load:
    """Raises NothingHereError for everybody else, or RateLimitedError."""

    async def guarded(asked: Asked) -> Values | web.Response:
        by = await _admitted(asked)
        if isinstance(by, web.Response):
            return by
        await asked.services.sessions.throttle.call("session-list", asked.visitor, by.page.caller)
        return await load(by)

    return guarded


def admin_action(submit: SubmitForAdmin) -> Action:
    """Raises NothingHereError for everybody else."""

    async def guarded(asked: Asked, form: Form) -> web.Response:
        by = await _admitted(asked)
        return by if isinstance(by, web.Response) else await submit(by, form)

    return Action(guarded)


async def _admitted(asked: Asked) -> AskedByAdmin | web.Response:
    if asked.page is None:
        raise NothingHereError
    match await asked.services.admins.standing_of(asked.page.user, asked.page.session):
        case Standing.ADMIN:
            return AskedByAdmin(asked, asked.page)
        case Standing.NO_ADMIN:
            raise NothingHereError
        case standing:
            return asked.context.renderings.page(
                "admin_second_factor.html",
                {"who": asked.page, "has_factor": standing is Standing.FACTOR_NOT_SHOWN},
                status=HTTPStatus.FORBIDDEN,
            )
