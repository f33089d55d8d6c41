"""The rules for new passwords. Logging in checks none of them."""

import unicodedata
from collections.abc import Callable

from service.broken_fields import FieldCode

MIN_LENGTH = 8
MAX_LENGTH = 256  # code points, after NFC
# NFC composes at most four code points into one. Longer input is refused without the cost of normalising, which grows
# with the square of a run of combining marks, to 65 ms for a body full of them.
MAX_TYPED = 4 * MAX_LENGTH

_REQUIRED: tuple[tuple[FieldCode, str, Callable[[str], bool]], ...] = (
    (FieldCode.NO_UPPERCASE, "Use at least one uppercase letter.", lambda category: category in ("Lu", "Lt")),
    (FieldCode.NO_LOWERCASE, "Use at least one lowercase letter.", lambda category: category == "Ll"),
    (FieldCode.NO_NUMBER, "Use at least one number.", lambda category: category[0] == "N"),
    # Any character that is no letter, number, blank or control character, so combining marks are special.
    (
        FieldCode.NO_SPECIAL,
        "Use at least one special character, such as ! or -.",
        lambda category: category[0] not in "LNZC",
    ),
)


def broken_rules(password: str) -> list[tuple[FieldCode, str]]:
    """The code and message of every rule that the password breaks. No message quotes any of it."""
    if len(password) <= MAX_TYPED:
        password = unicodedata.normalize("NFC", password)
    categories = {unicodedata.category(character) for character in password}
    broken = []
    if len(password) < MIN_LENGTH:
        broken.append((FieldCode.TOO_SHORT, f"Use at least {MIN_LENGTH} characters."))
    if len(password) > MAX_LENGTH:
        broken.append((FieldCode.TOO_LONG, f"Use at most {MAX_LENGTH} characters."))
    broken += [(code, message) for code, message, fits in _REQUIRED if not any(map(fits, categories))]
    if categories & {"Cc", "Cs"}:  # Cs: half a surrogate pair, which no encoding can carry
        broken.append((FieldCode.CONTROL_CHARACTER, "Use no control characters."))
    return broken
