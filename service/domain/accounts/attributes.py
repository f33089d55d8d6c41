"""The attributes of a user beyond the address and the names: OpenID's standard claims, and their rules."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts import names
from service.domain.credentials import emails
from service.errors import InvalidFieldsError

EMAIL, FIRST_NAME, LAST_NAME = "email", "given_name", "family_name"
KEPT = frozenset(
    {
        "address",
        "birthdate",
        "gender",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "phone_number",
        "picture",
        "preferred_username",
        "profile",
        "updated_at",
        "website",
        "zoneinfo",
    }
)
MOST = 2048  # characters
HARMLESS = re.compile(r"[\w.:-]{1,32}", re.ASCII)  # a name of the caller's own that can be repeated
BLANKS = "\t\n\r"  # an address has lines

Rule = tuple[FieldCode, str]  # that is broken
MOST_BROKEN = 50  # told at once
_FORMS: Mapping[str, tuple[str, str]] = {
    "phone_number": (r"\+[0-9]{1,15}", "must be + and up to 15 digits"),
    "birthdate": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be YYYY-MM-DD"),
    "updated_at": (r"[0-9]{1,15}", "must be a number of seconds"),
}


@dataclass(frozen=True, slots=True)
class GivenAttributes:
    """What somebody wants of an account's attributes: of names, None leaves them as they are."""

    email: str | None = None
    canonical_email: str = ""
    first_name: str | None = None
    last_name: str | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


def parsed(given: Iterable[tuple[str, str]]) -> GivenAttributes:
    """A blank value removes. Raises InvalidFieldsError with the attributes that break a rule, or the first of many."""
    values: dict[str, str] = {}
    for name, value in given:
        if name in values:
            raise InvalidFieldsError([_broken(name, FieldCode.UNKNOWN_MEMBER, "is given twice")])
        values[name] = value.strip()
    rules = (_broken_rule(name, value) for name, value in values.items())
    if broken := list(islice(filter(None, rules), MOST_BROKEN)):
        raise InvalidFieldsError(broken)
    kept = {name: value for name, value in values.items() if name in KEPT}
    email = values.get(EMAIL)
    return GivenAttributes(
        email=email,
        canonical_email=emails.canonical(email) if email else "",
        first_name=values.get(FIRST_NAME),
        last_name=values.get(LAST_NAME),
        kept={name: value for name, value in kept.items() if value},
        removed=frozenset(name for name, value in kept.items() if not value),
    )


def _broken_rule(name: str, value: str) -> BrokenField | None:
    if name not in KEPT | {EMAIL, FIRST_NAME, LAST_NAME}:
        return _broken(name, FieldCode.UNKNOWN_MEMBER, "is no attribute that a user can set")
    if not value:
        return _broken(name, FieldCode.BLANK, "cannot be removed") if name == EMAIL else None
    rule = _RULES.get(name, _kept_rule)(value)
    if rule is None and name in _FORMS and not re.fullmatch(_FORMS[name][0], value):
        rule = FieldCode.WRONG_TYPE, _FORMS[name][1]
    return _broken(name, *rule) if rule else None


def _broken(name: str, code: FieldCode, message: str) -> BrokenField:
    return BrokenField(name if HARMLESS.fullmatch(name) else "", code, message)


def _email_rule(value: str) -> Rule | None:
    try:
        emails.canonical(value)
    except emails.InvalidEmailError:
        return FieldCode.INVALID_EMAIL, "must be an e-mail address such as ada@example.com"
    return None


def _kept_rule(value: str) -> Rule | None:
    if len(value) > MOST:
        return FieldCode.TOO_LONG, f"must have at most {MOST} characters"
    if any(unicodedata.category(one) in ("Cc", "Cs") and one not in BLANKS for one in value):
        return FieldCode.INVISIBLE_CHARACTER, "must hold no control characters"
    return None


_RULES: Mapping[str, Callable[[str], Rule | None]] = {
    EMAIL: _email_rule,
    FIRST_NAME: names.broken_rule,
    LAST_NAME: names.broken_rule,
}
