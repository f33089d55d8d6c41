"""SRP: whether its powers are cheap, and whether verifiers are stored that nobody needs."""

from service.doctor.finding import Finding, ok, warning

CHECK = "srp"


def judge(*, is_on: bool, is_installed: bool, are_stored: bool) -> Finding:
    """`is_installed`: the library of powers; `are_stored`: whether there are verifiers."""
    if not is_on and are_stored:
        return warning(
            CHECK,
            "off, and verifiers of passwords are stored: easier to guess from than hashes",
            "tokenhouse srp remove",
        )
    if not is_on:
        return ok(CHECK, "off")
    if not is_installed:
        return warning(
            CHECK,
            "on, with Python's own powers: each takes some milliseconds, in which an instance does nothing else",
            "install the extra `srp`",
        )
    return ok(CHECK, "on")
