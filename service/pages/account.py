"""The account at a glance, and its names."""

from aiohttp import web

from service.http.fields import Name
from service.http.schema import Schema
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.rendering import Values, redirect


class NamesForm(Schema):
    first_name: Name
    last_name: Name


async def load(by: AskedBy) -> Values:
    return {
        "user": by.user,
        "factors": await by.services.factors.names_of(by.user),
        "is_admin": await by.services.admins.find(by.user.id) is not None,
    }


async def change_names(by: AskedBy, form: Form) -> web.Response:
    filled = form.as_schema(NamesForm)
    # counted as the API counts it
    await by.services.sessions.throttle.call("profile-change", by.visitor, by.caller)
    await by.services.accounts.change_names(by.caller, filled.first_name, filled.last_name)
    return redirect("/account")
