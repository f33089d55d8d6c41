"""Forgotten passwords, and proofs and undone changes of an address: what the links in mails lead to.

To look at a page uses nothing up: scanners of mails open links before their reader does.
"""

from aiohttp import web

from service.broken_fields import BrokenField, FieldCode
from service.domain.mail.models import Kind
from service.domain.recovery.models import MailEvidence
from service.errors import InvalidFieldsError
from service.http.fields import NewPassword, Text
from service.http.languages import language_of
from service.http.schema import Schema
from service.pages.context import Asked
from service.pages.forms import Form
from service.pages.rendering import Values, redirect


class ForgotForm(Schema):
    email: Text


class ResetForm(Schema):
    new_password: NewPassword


async def load(asked: Asked) -> Values:
    query = asked.request.query
    return {
        "token": query.get("token", ""),
        "sent": query.get("sent") == "1",
        "done": query.get("done") == "1",
        "email": query.get("email", ""),
    }


async def forgot(asked: Asked, form: Form) -> web.Response:
    """The same answer for an address without an account."""
    filled = form.as_schema(ForgotForm)
    await asked.services.recovery.passwords.ask(filled.email, language_of(asked.request), asked.visitor)
    return redirect("/reset?sent=1")


async def reset(asked: Asked, form: Form) -> web.Response:
    asked.services.passwords.refuse_if_full(asked.visitor)
    shown = _shown(form)
    filled = form.as_schema(ResetForm)
    await asked.services.recovery.passwords.reset(shown, filled.new_password, asked.visitor)
    return redirect("/sign-in?reset=1")


async def verify(asked: Asked, form: Form) -> web.Response:
    """By who is signed in, with the password, or with a new one by whoever takes over what a stranger opened."""
    shown = _shown(form)
    verification = asked.services.recovery.verification
    if asked.page:
        await verification.with_session(shown, asked.page.caller, asked.visitor)
    elif form.secret("newPassword"):
        filled = form.as_schema(ResetForm)
        passwords = asked.services.recovery.passwords
        await passwords.reset(shown, filled.new_password, asked.visitor, kind=Kind.VERIFY)
    elif form.secret("password"):
        await verification.with_password(shown, form.secret("password"), asked.visitor)
    else:
        raise InvalidFieldsError([BrokenField("password", FieldCode.MISSING, "is required")])
    return redirect("/verify?done=1")


async def confirm_email(asked: Asked, form: Form) -> web.Response:
    """A new address of an account, by the link that was mailed there."""
    caller = asked.page.caller if asked.page else None
    await asked.services.recovery.addresses.confirm_link(form["token"], caller, asked.visitor)
    return redirect("/email/confirm?done=1")


async def undo_email(asked: Asked, form: Form) -> web.Response:
    asked.services.passwords.refuse_if_full(asked.visitor)
    await asked.services.recovery.addresses.undo(form["token"], asked.visitor)
    return redirect("/email/undo?done=1")


def _shown(form: Form) -> MailEvidence:
    """Raises InvalidFieldsError without a link's token, or an address and a code."""
    if form["token"]:
        return MailEvidence(token=form["token"])
    if missing := [BrokenField(one, FieldCode.MISSING, "is required") for one in ("email", "code") if not form[one]]:
        raise InvalidFieldsError(missing)
    return MailEvidence(email=form["email"], code=form["code"].replace(" ", ""))
