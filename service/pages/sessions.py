"""The sessions of whoever is signed in."""

from aiohttp import web

from service.pages.context import AskedBy
from service.pages.cookies import SESSION
from service.pages.forms import Form
from service.pages.rendering import Values, redirect

HERE = "/account/sessions"


async def load(by: AskedBy) -> Values:
    held = await by.services.sessions.all_of(by.caller)
    return {"sessions": held[::-1], "current": by.caller.session_id}


async def end(by: AskedBy, form: Form) -> web.Response:
    """One of them, be it this one."""
    session_id = form["session"]
    await by.services.sessions.throttle.call("session-end", by.visitor, by.caller)
    await by.services.sessions.end_one(by.caller, session_id)
    if session_id == by.caller.session_id:
        return redirect("/sign-in?out=1", by.asked.context.cookies.drop(SESSION))
    return redirect(HERE)


async def end_others(by: AskedBy, _: Form) -> web.Response:
    await by.services.sessions.throttle.call("session-end", by.visitor, by.caller)
    await by.services.sessions.end_others(by.caller)
    return redirect(HERE)
