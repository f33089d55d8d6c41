"""What other systems tell of a person beyond the names. It is taken as far as its rules allow, and left out otherwise:
nobody stays out for a telephone number."""

from collections.abc import Mapping

from service.domain.accounts import attributes
from service.domain.transfer.checks import LANGUAGE
from service.errors import InvalidFieldsError

TAKEN = sorted(attributes.KEPT - {"updated_at"})  # that one is of the old account, and not a text everywhere


def taken(given: Mapping[str, object]) -> dict[str, str]:
    """Of lists, which Keycloak keeps, the first."""
    found = {}
    for name in TAKEN:
        value = given.get(name)
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, str) and text.strip() and _is_allowed(name, text):
            found[name] = text.strip()
    return found


def language_of(profile: Mapping[str, str]) -> str:
    """That of mails, from the locale; empty where it is none."""
    tag = profile.get("locale", "").partition(".")[0].replace("_", "-")
    return tag if LANGUAGE.fullmatch(tag) else ""


def international(number: object) -> str:
    """A telephone number that is kept without its plus."""
    return f"+{number}" if isinstance(number, str) and number.isdecimal() else str(number or "")


def _is_allowed(name: str, text: str) -> bool:
    try:
        attributes.parsed([(name, text)])
    except InvalidFieldsError:
        return False
    return True
