"""What is known of a user: reading, changing and proving attributes, and the end of the account."""

from service.cognito import delivery, users
from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter
from service.cognito.factors import mfa_settings
from service.domain.accounts.attributes import EMAIL, FIRST_NAME, LAST_NAME, parsed
from service.domain.models import Caller, UserProfile

PHONE_NUMBER = "phone_number"


async def get_user(call: Call, caller: Caller) -> Answer:
    profile = await call.services.profiles.of(caller)
    return {
        "Username": str(caller.user_id),
        "UserAttributes": [{"Name": name, "Value": value} for name, value in _shown(profile).items() if value],
        **mfa_settings(has_totp=profile.has_totp),
    }


async def update(call: Call, caller: Caller) -> Answer:
    given = parsed(users.attributes(call))
    address = await call.services.recovery.attributes.update(caller, given, call.visitor)
    return {"CodeDeliveryDetailsList": [delivery.details(call, address)] if address else None}


async def delete(call: Call, caller: Caller) -> Answer:
    removed = parsed((name, "") for name in call.items("UserAttributeNames"))
    await call.services.recovery.attributes.update(caller, removed, call.visitor)
    return {}


async def send_code(call: Call, caller: Caller) -> Answer:
    _require_email(call)
    address = await call.services.recovery.attributes.send_code(caller, call.visitor)
    if address is None:
        raise invalid_parameter("The attribute email is verified already.")
    return {"CodeDeliveryDetails": delivery.details(call, address)}


async def verify(call: Call, caller: Caller) -> Answer:
    _require_email(call)
    await call.services.recovery.attributes.verify(caller, call.text("Code"), call.visitor)
    return {}


async def delete_user(call: Call, caller: Caller) -> Answer:
    await call.services.accounts.close_by_session(caller, call.visitor)
    return None


def _shown(profile: UserProfile) -> dict[str, str]:
    user = profile.user
    shown = {
        "sub": str(user.id),
        EMAIL: user.email,
        "email_verified": "true" if user.email_verified_at else "false",
        FIRST_NAME: user.first_name,
        LAST_NAME: user.last_name,
        **profile.attributes,
    }
    return shown | {"phone_number_verified": "false"} if PHONE_NUMBER in profile.attributes else shown


def _require_email(call: Call) -> None:
    """Raises InvalidParameter: nothing else is ever proved."""
    if call.text("AttributeName") != EMAIL:
        raise invalid_parameter("The only attribute that can be verified is email.")
