"""What requests say of users: Username, and lists of attributes."""

from collections.abc import Iterator

from service.cognito.call import Call
from service.cognito.errors import unknown_user
from service.domain.accounts.attributes import EMAIL
from service.domain.credentials import emails


async def address_of(call: Call) -> str:
    """The canonical address of Username, whether it has an account or not.

    Raises UserNotFound for nobody's, where `cognito.prevent_user_existence_errors` is off.
    """
    usernames = call.services.usernames
    address = emails.for_look_up(await usernames.address_of(call.text("Username")))
    if call.context.tells_unknown_users and not await usernames.is_known(address):
        raise unknown_user()
    return address


def attributes(call: Call, *, without_blank_email: bool = False) -> Iterator[tuple[str, str]]:
    """The pairs of UserAttributes; a value that is absent is blank."""
    for one in call.items("UserAttributes"):
        name, value = one["Name"], one.get("Value", "")
        if not (without_blank_email and name == EMAIL and not value.strip()):
            yield name, value
