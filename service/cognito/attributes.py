"""What is known of a user: reading, changing and proving attributes."""

from service.cognito.call import Answer, Call
from service.domain.models import Caller


async def get_user(call: Call, caller: Caller) -> Answer:
    user = await call.services.accounts.profile(caller.member)
    attributes = {
        "sub": str(user.id),
        "email": user.email,
        "email_verified": "true" if user.email_verified_at else "false",
        "given_name": user.first_name,
        "family_name": user.last_name,
    }
    return {
        "Username": str(user.id),
        "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes.items() if value],
    }
