"""Answers requests for the plain paths of an application with one match.

aiohttp looks the route up for each request, and asks a cache for the chain of its middlewares: a tenth of a cheap
request. Paths with a parameter or a query, unknown ones and wrong methods still go that way.
"""

from collections.abc import Awaitable
from functools import partial
from typing import cast

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

from service.http.context import Answer
from service.http.overload import EARLY_REFUSALS

Known = tuple[UrlMappingMatchInfo, Answer]


def with_known_routes(app: web.Application, otherwise: Answer) -> Answer:
    """The handler of a frozen application's server; `otherwise` is aiohttp's own."""
    early = app.get(EARLY_REFUSALS)
    known: dict[tuple[str, str], Known] = {}
    for path, route in _plain_routes(app):
        match, handler = _matched(app, route)
        known[route.method, path] = match, early.in_front_of(handler, route.method, path) if early else handler

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        found = known.get((request.method, request.raw_path))
        if found is None or hdrs.EXPECT in request.headers:
            return otherwise(request)
        cast("web.Request", request)._match_info, handler = found  # noqa: SLF001 - as aiohttp's application does it
        return handler(request)

    return answer


def _plain_routes(app: web.Application) -> list[tuple[str, web.AbstractRoute]]:
    return [
        (resource.canonical, route)
        for resource in app.router.resources()
        if isinstance(resource, web.PlainResource)
        for route in resource
    ]


def _matched(app: web.Application, route: web.AbstractRoute) -> Known:
    """Requests share the match: it has no parameters, and nobody writes to it."""
    match = UrlMappingMatchInfo({}, route)
    match.add_app(app)
    match.freeze()
    handler = route.handler
    for middleware in reversed(app.middlewares):
        handler = partial(middleware, handler=handler)
    return match, cast("Answer", handler)
