"""Templates to responses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import jinja2
from aiohttp import hdrs, web

from service.domain.mail.user_agents import name_of
from service.domain.second_factors.base64url import encoded
from service.errors import AuthError, OverloadedError, RateLimitedError, UnavailableError
from service.http import problems
from service.http.errors import MethodNotAllowedError
from service.http.responses import Response
from service.pages import qr
from service.pages.forms import NOT_REFUSED, Form, Refused
from service.pages.refusals import refused, status_of
from service.pages.static import StaticFiles

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer browsers send forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}
DEFECT = "This failed, and it is not your fault. Its operators find it by the number {request_id}."
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Brand:
    name: str
    has_logo: bool
    has_stylesheet: bool


class Renderings:
    """`always` are values of every page."""

    def __init__(self, brand: Brand, static: StaticFiles, always: Values) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(brand=brand, static=static.path_of, **always)
        self._environment.filters.update(moment=_moment, program=name_of, span=_span, qr=qr.svg, base64url=encoded)

    def page(
        self,
        template: str,
        values: Values,
        *,
        form: Form | None = None,
        refusal: Refused = NOT_REFUSED,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        text = self._environment.get_template(template).render(**values, form=(form or Form()).shown, refused=refusal)
        return Response(
            status=status,
            text=text,
            content_type="text/html",
            charset="utf-8",
            headers={**HEADERS, **(headers or {})},
        )

    def defect(self, request_id: str) -> web.Response:
        words = DEFECT.format(request_id=request_id)
        return self.page("error.html", {"words": words}, status=HTTPStatus.INTERNAL_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class PageErrors:
    """Shows refusals on the page that they are about: the form again, with what was typed and what was wrong."""

    renderings: Renderings
    template: str
    values: Values
    form: Form | None = None

    def refusal(self, error: AuthError, request_id: str) -> web.Response:
        return self.renderings.page(
            self.template,
            self.values,
            form=self.form,
            refusal=refused(error).in_order_of(self.form.values if self.form else ()),
            status=status_of(error),
            headers=_headers(error, request_id),
        )

    def defect(self, request_id: str) -> web.Response:
        return self.renderings.defect(request_id)

    def name_of(self, _: AuthError | None) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """For a script of ours, which shows the words of a refusal where it asked."""

    def refusal(self, error: AuthError, request_id: str) -> web.Response:
        return json_answer({"words": refused(error).words}, status_of(error), _headers(error, request_id))

    def defect(self, request_id: str) -> web.Response:
        return json_answer({"words": DEFECT.format(request_id=request_id)}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def name_of(self, _: AuthError | None) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class PlainErrors:
    """For what is refused before there is a page to show it on."""

    renderings: Renderings

    def refusal(self, error: AuthError, request_id: str) -> web.Response:
        return self.renderings.page(
            "error.html",
            {"words": refused(error).words},
            status=status_of(error),
            headers=_headers(error, request_id),
        )

    def defect(self, request_id: str) -> web.Response:
        return self.renderings.defect(request_id)

    def name_of(self, _: AuthError | None) -> str:
        return ""


def json_answer(
    values: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """For a script of ours."""
    return Response(
        status=status,
        text=json.dumps(values),
        content_type="application/json",
        charset="utf-8",
        headers={**HEADERS, **(headers or {})},
    )


def redirect(path: str, *cookies: str) -> web.Response:
    """To a page of ours. 303: what follows is a GET."""
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, hdrs.LOCATION: path})
    for cookie in cookies:
        response.headers.add(hdrs.SET_COOKIE, cookie)
    return response


def _headers(error: AuthError, request_id: str) -> dict[str, str]:
    match error:
        case RateLimitedError(retry_after=wait):
            return {hdrs.RETRY_AFTER: problems.retry_after(wait)}
        case MethodNotAllowedError(allowed=allowed):
            return {hdrs.ALLOW: ", ".join(allowed)}
        case OverloadedError() | UnavailableError():
            return {hdrs.RETRY_AFTER: problems.spread_retry_after(request_id)}
        case _:
            return {}


def _moment(value: datetime | None) -> str:
    """As in 27 Nov 2026, 17:05 UTC."""
    return f"{value:%d %b %Y, %H:%M} UTC" if value else ""


def _span(value: timedelta) -> str:
    """As in 3 days, or 5 minutes."""
    seconds = max(value.total_seconds(), 0)
    size, unit = next((one for one in UNITS if seconds >= one[0]), UNITS[-1])
    number = int(seconds // size)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
