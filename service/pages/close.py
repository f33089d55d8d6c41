"""The end of an account."""

from aiohttp import web

from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.cookies import SESSION
from service.pages.forms import Form
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect


async def load(by: AskedBy) -> Values:
    return {**await proofs.load(by), "user": by.user}


async def submit(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    await by.services.accounts.close(by.caller, filled.password, proofs.proof_of(form), by.visitor)
    return redirect("/sign-in?closed=1", by.asked.context.cookies.drop(SESSION))
