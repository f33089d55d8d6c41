"""Who may see a page. What it needs of a session it takes as an argument, and so cannot be mounted without."""

from urllib.parse import quote

from aiohttp import hdrs, web

from service.pages.context import Asked, AskedBy
from service.pages.forms import Form
from service.pages.page import Action, Load, LoadFor, Submit, SubmitFor
from service.pages.rendering import Values, redirect


def shown(load: LoadFor) -> Load:
    """To whoever is signed in; others sign in first, and come back. Raises RateLimitedError."""

    async def guarded(asked: Asked) -> Values | web.Response:
        if asked.page is None:
            return _sign_in_first(asked)
        # as the API counts its dearest reading call: a page may make several of them
        await asked.services.sessions.throttle.call("session-list", asked.visitor, asked.page.caller)
        return await load(AskedBy(asked, asked.page))

    return guarded


def action(submit: SubmitFor, *, hashes: bool = False, is_free: bool = False) -> Action:
    """Of whoever is signed in."""

    async def guarded(asked: Asked, form: Form) -> web.Response:
        if asked.page is None:
            return _sign_in_first(asked)
        return await submit(AskedBy(asked, asked.page), form)

    return Action(guarded, hashes, is_free)


def open_action(submit: Submit, *, hashes: bool = False) -> Action:
    """Of anybody."""
    return Action(submit, hashes)


def _sign_in_first(asked: Asked) -> web.Response:
    path = asked.request.path if asked.request.method in (hdrs.METH_GET, hdrs.METH_HEAD) else ""
    return redirect(f"/sign-in?next={quote(path)}" if path else "/sign-in")
