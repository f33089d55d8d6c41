"""Passkeys: adding, naming and removing them. Their own script asks the browser for them."""

import json

from aiohttp import web

from service.domain.second_factors.base64url import encoded
from service.errors import FactorNotFoundError
from service.http.fields import Name
from service.http.schema import Schema
from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.factors import HERE
from service.pages.forms import Form
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect
from service.pages.sign_in import taking_passkey


class NewPasskeyForm(PasswordForm):
    name: Name


class NameForm(Schema):
    name: Name


async def begin(by: AskedBy, form: Form) -> web.Response:
    """With options for this browser, which its script takes from the page."""
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(NewPasskeyForm)
    options = await by.services.passkeys.begin(by.caller, filled.password, proofs.proof_of(form), by.visitor)
    return by.answer("new_passkey.html", {"name": filled.name, "options": json.dumps(options)})


async def add(by: AskedBy, form: Form) -> web.Response:
    """Every other session is over. With the first second factor come recovery codes."""
    filled = form.as_schema(NameForm)
    with taking_passkey():
        credential = proofs.credential_of(form)
        _, codes = await by.services.passkeys.add(by.caller, credential, filled.name, by.visitor)
    cookie = await by.renewed()
    if codes:
        return by.answer("recovery_codes.html", {"codes": codes, "following": HERE}, cookie)
    return redirect(HERE, cookie)


async def load_one(by: AskedBy) -> Values:
    """Raises FactorNotFoundError."""
    passkey_id = by.asked.query("passkey")
    for one in await by.services.passkeys.all_of(by.caller):
        if encoded(one.id) == passkey_id:
            return {**await proofs.load(by), "passkey": one, "passkey_id": passkey_id}
    raise FactorNotFoundError(user_id=by.user.id)


async def rename(by: AskedBy, form: Form) -> web.Response:
    filled = form.as_schema(NameForm)
    # counted as the API counts it
    await by.services.sessions.throttle.call("profile-change", by.visitor, by.caller)
    await by.services.passkeys.rename(by.caller, by.asked.query("passkey"), filled.name)
    return redirect(HERE)


async def remove(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    await by.services.passkeys.remove(
        by.caller, by.asked.query("passkey"), filled.password, proofs.proof_of(form), by.visitor
    )
    return redirect(HERE, await by.renewed())
