"""Where a code goes, as answers tell it: the same for addresses that have an account and for those that have none."""

import hashlib
from collections.abc import Mapping

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def details(address: str) -> Mapping[str, str]:
    """CodeDeliveryDetails."""
    return {"Destination": masked(address), "DeliveryMedium": "EMAIL", "AttributeName": "email"}


def masked(address: str) -> str:
    """`j***@e***`. An id without an account gets steady letters of its own: a known id shows those of an address."""
    local, at, domain = address.strip().rpartition("@")
    if not (at and local and domain):
        digest = hashlib.sha256(address.strip().lower().encode()).digest()
        local, domain = (LETTERS[one % len(LETTERS)] for one in digest[:2])
    return f"{local[0]}***@{domain[0]}***".lower()
