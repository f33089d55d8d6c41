"""What stands in place of a hash for an account that was imported without one: its password may be known elsewhere.

Nothing computes it, so no password is right here. It is bound to the address: the old system must not be asked about an
account that has got another one since, because there that address may be somebody else's.
"""

import hashlib

from service.domain.foreign_hashes.phc import to_base64
from service.domain.models import ELSEWHERE


def marker_of(canonical_email: str) -> str:
    return ELSEWHERE + to_base64(hashlib.sha256(canonical_email.encode("utf-8", "surrogatepass")).digest())


def is_elsewhere(stored: str, canonical_email: str) -> bool:
    """Whether the password of this account may be known to the system that it was imported from."""
    return stored == marker_of(canonical_email)
