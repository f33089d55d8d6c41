"""A new password, by whoever knows the one before."""

from aiohttp import web

from service.http.fields import NewPassword
from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect


class ChangePasswordForm(PasswordForm):
    new_password: NewPassword


async def load(by: AskedBy) -> Values:
    return {**await proofs.load(by), "done": by.asked.query("done") == "1"}


async def submit(by: AskedBy, form: Form) -> web.Response:
    """Every other session is over, and this one has another id."""
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(ChangePasswordForm)
    await by.services.accounts.change_password(
        by.caller, filled.password, filled.new_password, proofs.proof_of(form), by.visitor
    )
    return redirect("/account/password?done=1", await by.renewed())
