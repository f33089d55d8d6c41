"""Passwords: forgotten ones and changed ones."""

from service.broken_fields import BrokenField
from service.cognito import delivery, users
from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter
from service.domain.app_clients import AppClient
from service.domain.models import Caller
from service.domain.passwords.policy import broken_rules
from service.domain.recovery.models import MailEvidence
from service.domain.second_factors.models import SHOWN_BY_SESSION
from service.errors import InvalidFieldsError


def new_password(call: Call, member: str) -> str:
    """Raises InvalidFieldsError with the rules that it breaks, or InvalidParameter when it is absent."""
    password = present(call, member)
    if rules := broken_rules(password):
        raise InvalidFieldsError([BrokenField("password", code, message) for code, message in rules])
    return password


def present(call: Call, member: str) -> str:
    """Raises InvalidParameter."""
    if not call.text(member):
        raise invalid_parameter(f"Missing required parameter {member}", "missing_parameter")
    return call.text(member)


async def forgot(call: Call, _: AppClient) -> Answer:
    address = await users.address_of(call)
    await call.services.recovery.passwords.ask_code(address, call.language, call.visitor)
    return {"CodeDeliveryDetails": delivery.details(call, call.text("Username"))}


async def confirm_forgot(call: Call, _: AppClient) -> Answer:
    address = await users.address_of(call)
    password = new_password(call, "Password")
    shown = MailEvidence(email=address, code=call.text("ConfirmationCode"), is_username=True)
    await call.services.recovery.passwords.reset(shown, password, call.visitor)
    return {}


async def change(call: Call, caller: Caller) -> Answer:
    before = present(call, "PreviousPassword")
    password = new_password(call, "ProposedPassword")
    await call.services.accounts.change_password(caller, before, password, SHOWN_BY_SESSION, call.visitor)
    return {}
