"""Where the mail with a code goes, as far as a client may know."""

from service.cognito.call import Call

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def details(call: Call, canonical_email: str) -> dict[str, str]:
    """CodeDeliveryDetails. They follow from what the client sent alone, whether there is such an account or not."""
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
    """For a name of nobody, such as an id: always the same."""
    first, second, *_ = (LETTERS[byte % len(LETTERS)] for byte in call.services.recovery.secrets.nobody(name).bytes)
    return f"{first}***@{second}***"
