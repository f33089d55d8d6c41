"""Where the mail with a code goes, as far as a client may know."""

from service.cognito.call import Call
from service.domain.credentials import emails

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def details(call: Call, name: str) -> dict[str, str]:
    """CodeDeliveryDetails. `name`: as the client sent it, or an address that the client knows. They follow from that
    alone: an id shows nothing of an address, whether it is an account's or nobody's.
    """
    canonical_email = emails.for_look_up(name)
    return {
        "Destination": _masked(canonical_email) or _plausible(call, canonical_email),
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }


def _masked(canonical_email: str) -> str:
    """Empty for what is no address."""
    local, _, domain = canonical_email.strip().rpartition("@")
    return f"{local[0]}***@{domain[0]}***" if local and domain else ""


def _plausible(call: Call, name: str) -> str:
    """For a name that is no address, such as an id: always the same."""
    first, second, *_ = (LETTERS[byte % len(LETTERS)] for byte in call.services.recovery.secrets.nobody(name).bytes)
    return f"{first}***@{second}***"
