"""The pages as the application mounts them."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from service.domain.sessions.page_sessions import SignedInPage
from service.http.context import RENDERER, Renderer
from service.http.overload import EarlyCall, EarlyCallOf
from service.pages import forms
from service.pages.context import PAGES, Asked, PagesContext
from service.pages.origin import require_own
from service.pages.page import Action, Page
from service.pages.rendering import PageErrors, PlainErrors, Renderings
from service.pages.routes import ALL
from service.pages.static import StaticFiles


class PagesFace:
    def __init__(self, context: PagesContext, static: StaticFiles) -> None:
        self._context = context
        self._static = static

    @property
    def renderings(self) -> Renderings:
        return self._context.renderings

    def mount(self, app: web.Application) -> None:
        app[PAGES] = self._context
        for page in ALL:
            for method in (hdrs.METH_GET, hdrs.METH_HEAD):
                app.router.add_route(method, page.path, _showing(page))
            for suffix, action in page.forms.items():
                app.router.add_post(f"{page.path}{suffix}", _doing(page, action))
        self.mount_files(app)

    def mount_files(self, app: web.Application) -> None:
        """What pages look like; all that pages of others, which are mounted without ours, need of us."""
        app.router.add_get("/static/{file}", self._static.serve)

    def renderer_for(self, request: web.Request, otherwise: Renderer) -> Renderer:
        """Of a path or a method that nothing answers: a page for browsers, for programs what the API says."""
        is_browser = "text/html" in request.headers.get(hdrs.ACCEPT, "").lower()
        return PlainErrors(self._context.renderings) if is_browser else otherwise

    def early_calls(self) -> dict[tuple[str, str], EarlyCallOf]:
        """Forms that hash passwords: a full queue refuses them before they are read."""
        errors = PlainErrors(self._context.renderings)
        return {
            (hdrs.METH_POST, path): _always(EarlyCall(errors, path))
            for page in ALL
            for suffix, action in page.forms.items()
            if action.hashes and "{" not in (path := f"{page.path}{suffix}")
        }


def _always(call: EarlyCall) -> EarlyCallOf:
    return lambda _: call


def _showing(page: Page) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        context = request.app[PAGES]
        request[RENDERER] = PlainErrors(context.renderings)
        context.services.clock.require_right()
        asked = Asked(request, context, await _signed_in(request, context))
        loaded = await page.load(asked)
        if isinstance(loaded, web.Response):
            return loaded
        return context.renderings.page(page.template, {"who": asked.page, **loaded})

    return show


def _doing(page: Page, action: Action) -> Handler:
    """What a form does. Its refusals are shown by the middleware, on the page as it was before."""

    async def do(request: web.Request) -> web.StreamResponse:
        context = request.app[PAGES]
        request[RENDERER] = PlainErrors(context.renderings)
        require_own(request, context.origin)
        context.services.clock.require_right()
        form = await forms.read(request)
        asked = Asked(request, context, await _signed_in(request, context))
        if action.is_free:
            return await action.submit(asked, form)
        loaded = await page.load(asked)
        if isinstance(loaded, web.Response):
            return loaded
        request[RENDERER] = PageErrors(context.renderings, page.template, {"who": asked.page, **loaded}, form)
        if asked.page is not None:
            await context.services.page_sessions.use(context.cookies.session(request))
        return await action.submit(asked, form)

    return do


async def _signed_in(request: web.Request, context: PagesContext) -> SignedInPage | None:
    cookie = context.cookies.session(request)
    return await context.services.page_sessions.find(cookie) if cookie else None
