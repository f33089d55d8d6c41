"""SignUp, and the proof of the address by the code of a mail."""

from collections.abc import Mapping

from service.cognito import delivery, users
from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter, not_authorized
from service.cognito.passwords import new_password
from service.domain.accounts import attributes
from service.domain.accounts.new_accounts import NewAccount
from service.domain.app_clients import AppClient
from service.domain.credentials import emails

INVITATION = "invitation"  # the entry of ClientMetadata that has the secret of one


async def sign_up(call: Call, _: AppClient) -> Answer:
    call.services.new_accounts.registration.require_open()
    username = call.text("Username")
    try:
        canonical_email = emails.canonical(username)
    except emails.InvalidEmailError:
        raise invalid_parameter("Username should be an email.") from None
    password = new_password(call, "Password")
    given = attributes.parsed(users.attributes(call, without_blank_email=True))
    if given.email and given.canonical_email != canonical_email:
        raise invalid_parameter("The attribute email is not the address that Username is.")
    new = NewAccount(
        username.strip(),
        password,
        given.first_name or "",
        given.last_name or "",
        call.language,
        given.kept,
        invitation=call.texts("ClientMetadata").get(INVITATION, ""),
    )
    sign_ups = call.services.recovery.sign_ups
    user = await sign_ups.sign_up(new, call.visitor)
    answer: Mapping[str, object] = {"UserConfirmed": not user.must_prove_address, "UserSub": str(user.id)}
    details = delivery.details(call, canonical_email) if user.must_prove_address else None
    return {**answer, "CodeDeliveryDetails": details}


async def confirm(call: Call, _: AppClient) -> Answer:
    address = await users.address_of(call)
    code = call.text("ConfirmationCode")
    if not await call.services.recovery.sign_ups.confirm(address, code, call.visitor):
        raise not_authorized("User cannot be confirmed. Current status is CONFIRMED", reason="confirmed_already")
    return {}


async def send_code_again(call: Call, _: AppClient) -> Answer:
    address = await users.address_of(call)
    if not await call.services.recovery.sign_ups.send_again(address, call.language, call.visitor):
        raise invalid_parameter("User is already confirmed.", "confirmed_already")
    return {"CodeDeliveryDetails": delivery.details(call, call.text("Username"))}
