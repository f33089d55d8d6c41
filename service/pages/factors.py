"""Second factors: the authenticator app and the recovery codes. Secrets stand in the answer of a form alone."""

from aiohttp import web

from service.http.fields import Text
from service.http.schema import Schema
from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.new_totp import ShownTotp
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect

HERE = "/account/factors"
CONFIRM = f"{HERE}/totp/confirm"


class CodeOfAppForm(Schema):
    code: Text


async def load(by: AskedBy) -> Values:
    held = await by.services.factors.held_by(by.caller)
    return {"held": held, "passkeys": await by.services.passkeys.all_of(by.caller)}


async def load_totp(by: AskedBy) -> Values:
    held = await by.services.factors.held_by(by.caller)
    return {**await proofs.load(by), "totp_since": held.totp_since}


async def begin_totp(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    new = await by.services.factors.begin_totp(by.caller, filled.password, proofs.proof_of(form), by.visitor)
    return by.answer("new_totp.html", {"totp": ShownTotp.of(new), "confirm": CONFIRM, "following": ""})


async def confirm_totp(by: AskedBy, form: Form) -> web.Response:
    """From now on a sign-in asks for codes of the app; every other session is over."""
    by.asked.show_refusals_on(
        "new_totp.html", {"totp": ShownTotp.again(form), "confirm": CONFIRM, "following": ""}, form
    )
    filled = form.as_schema(CodeOfAppForm)
    codes = await by.services.factors.confirm_totp(by.caller, filled.code, by.visitor)
    return by.answer("recovery_codes.html", {"codes": codes, "following": HERE}, await by.renewed())


async def remove_totp(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    await by.services.factors.remove_totp(by.caller, filled.password, proofs.proof_of(form), by.visitor)
    return redirect(HERE, await by.renewed())


async def replace_recovery_codes(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    codes = await by.services.factors.replace_recovery_codes(
        by.caller, filled.password, proofs.proof_of(form), by.visitor
    )
    return by.answer("recovery_codes.html", {"codes": codes, "following": HERE}, await by.renewed())
