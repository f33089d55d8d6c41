"""The account's API key, and named ones. A key stands in the answer of a form alone, once."""

from datetime import timedelta

from aiohttp import web

from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts.named_api_keys import WantedKey
from service.errors import InvalidFieldsError
from service.http.fields import Name, Scopes
from service.http.schema import Schema, parse
from service.pages import proofs
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.proofs import PasswordForm
from service.pages.rendering import Values, redirect

MOST_DIGITS = 6  # of a number of days; the domain says how many are too many


class NewKeyForm(Schema):
    name: Name
    scopes: Scopes


async def load(by: AskedBy) -> Values:
    return {"keys": await by.services.named_api_keys.all_of(by.caller), "now": by.services.named_api_keys.ambient.now()}


async def show(by: AskedBy, form: Form) -> web.Response:
    by.services.passwords.refuse_if_full(by.visitor)
    filled = form.as_schema(PasswordForm)
    key = await by.services.accounts.api_key_of(by.caller, filled.password, proofs.proof_of(form), by.visitor)
    return by.answer("api_key.html", {"key": key, "name": "", "is_new": False})


async def replace(by: AskedBy, form: Form) -> web.Response:
    key = await by.services.accounts.rotate_api_key(by.caller, proofs.proof_of(form), by.visitor)
    return by.answer("api_key.html", {"key": key, "name": "", "is_new": True})


async def make(by: AskedBy, form: Form) -> web.Response:
    """Scopes are written one after the other, with blanks in between."""
    filled = parse(NewKeyForm, {"name": form["name"], "scopes": form["scopes"].split()})
    wanted = WantedKey(name=filled.name, scopes=tuple(dict.fromkeys(filled.scopes)), expires_in=_days(form))
    made, key = await by.services.named_api_keys.make(by.caller, wanted, proofs.proof_of(form), by.visitor)
    return by.answer("api_key.html", {"key": key, "name": made.name, "is_new": True})


async def end(by: AskedBy, form: Form) -> web.Response:
    # counted as the API counts it
    await by.services.sessions.throttle.call("session-end", by.visitor, by.caller)
    await by.services.named_api_keys.end(by.caller, form["key"])
    return redirect("/account/api-keys")


def _days(form: Form) -> timedelta | None:
    """Raises InvalidFieldsError."""
    text = form["expiresIn"]
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise InvalidFieldsError([BrokenField("expiresIn", FieldCode.WRONG_TYPE, "must be a whole number")])
    return timedelta(days=int(text))
