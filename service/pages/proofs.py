"""What forms ask for besides the session: the password, and the second factor of an account that has one."""

from contextlib import suppress
from typing import Any

from service.domain.second_factors.models import NO_PROOF, Proof
from service.http.errors import MalformedJsonError
from service.http.fields import Text
from service.http.request_body import strict_json
from service.http.schema import Schema
from service.pages.context import AskedBy
from service.pages.forms import Form
from service.pages.rendering import Values


class PasswordForm(Schema):
    password: Text


async def load(by: AskedBy) -> Values:
    """Whether there is a code to be asked for."""
    return {"factors": await by.services.factors.names_of(by.user)}


def proof_of(form: Form) -> Proof:
    if form["credential"]:
        return Proof(credential=credential_of(form))
    return Proof(form["code"]) if form["code"] else NO_PROOF


def credential_of(form: Form) -> dict[str, Any]:
    """What a passkey answered. Text that is no object proves nothing, as an empty one does."""
    with suppress(MalformedJsonError):
        return strict_json(form["credential"].encode())
    return {}
