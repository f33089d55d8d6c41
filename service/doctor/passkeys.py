"""Passkeys: set up for the domain that those of the users were made for."""

from service.doctor.finding import Finding, ok, warning
from service.domain.second_factors.relying_party import RelyingParty

NEEDS = "install the extra `passkeys`; until then their owners log in with a password and a recovery code"


def judge(party: RelyingParty | None, *, is_installed: bool, usable: bool, others: bool) -> Finding:
    """`usable` and `others`: whether users have passkeys of this domain, and of other ones."""
    if others:
        return warning(
            "passkeys",
            f"some were made for another domain than {party.id if party else 'none'}: nobody can use them",
            "set passkeys.rp_id to that domain again; or let their owners remove them and add new ones",
        )
    if party is None:
        return ok("passkeys", "none: the issuer is no domain, and passkeys.rp_id is not set")
    if not is_installed and usable:
        return warning("passkeys", f"of {party.id}, and their library is missing", NEEDS)
    if not is_installed:
        return ok("passkeys", "none: their extra is not installed")
    return ok("passkeys", f"of {party.id}, used at {', '.join(party.origins)}")
