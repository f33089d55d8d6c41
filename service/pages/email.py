"""Another e-mail address: asked for with the password, and confirmed with the code that was mailed to it."""

from aiohttp import web

from service.http.fields import Email, Text
from service.http.schema import Schema
from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect


class ChangeEmailForm(PasswordForm):
    new_email: Email


class CodeForm(Schema):
    code: Text


async def load(by: AskedBy) -> Values:
    return {**await proofs.load(by), "user": by.user, "done": by.asked.query("done") == "1"}


async def ask(by: AskedBy, form: Form) -> web.Response:
    """The same answer where the new address has an account."""
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(ChangeEmailForm)
    await by.services.recovery.addresses.ask(
        by.caller, filled.new_email, filled.password, proofs.proof_of(form), by.visitor
    )
    return redirect("/account/email/code")


async def ask_proof(by: AskedBy, _: Form) -> web.Response:
    """A mail that proves the address that the account has."""
    await by.services.recovery.verification.ask(by.caller, by.visitor)
    return redirect("/verify?sent=1")


async def load_code(_: AskedBy) -> Values:
    return {}


async def confirm(by: AskedBy, form: Form) -> web.Response:
    """Every other session is over."""
    filled = form.as_schema(CodeForm)
    code = "".join(filled.code.split())
    await by.services.recovery.addresses.confirm_code(by.caller, code, by.visitor)
    return redirect("/account/email?done=1")
