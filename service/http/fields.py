"""The fields of request bodies: their rules, and the error code of a broken rule."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.broken_fields import FieldCode
from service.domain.accounts import groups, names
from service.domain.credentials import emails
from service.domain.passwords.policy import broken_rules
from service.settings import Rate

TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
RATE_WINDOW = timedelta(seconds=1), timedelta(days=1)


def breach(code: FieldCode, message: str) -> PydanticCustomError:
    return PydanticCustomError(code.value, message)


def _present(value: str) -> str:
    if not value.strip():
        raise breach(FieldCode.BLANK, "must not be blank")
    return value


def _email(value: str) -> str:
    _present(value)
    try:
        emails.canonical(value)
    except emails.InvalidEmailError:
        raise breach(FieldCode.INVALID_EMAIL, "must be an e-mail address such as ada@example.com") from None
    return value.strip()


def _new_password(value: str) -> str:
    if rules := broken_rules(value):
        raise breach(rules[0][0], " ".join(message for _, message in rules))
    return value


def _name(value: str) -> str:
    name = _present(value).strip()
    if broken := names.broken_rule(name):
        raise breach(*broken)
    return name


def _scope(value: str) -> str:
    if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", value):
        raise breach(FieldCode.INVALID_SCOPE, 'must be 1 to 64 printable ASCII characters, without blanks, " and \\')
    return value


def _group(value: str) -> str:
    if not groups.SHAPE.fullmatch(value):
        raise breach(FieldCode.INVALID_GROUP, "must be 1 to 64 of A-Z a-z 0-9 . _ : -")
    return value


def _rate(value: str) -> str:
    """Normalised, and no longer than a counter should live."""
    try:
        rate = Rate.of(value)
    except ValueError:
        raise breach(FieldCode.INVALID_RATE, "must be COUNT/DURATION, such as 60/1m") from None
    if not RATE_WINDOW[0] <= rate.window <= RATE_WINDOW[1]:
        raise breach(FieldCode.OUT_OF_RANGE, "must have a window from 1s to 1d")
    return re.sub(r"\s", "", value)


def _time(value: object) -> datetime:
    """RFC 3339, with its offset from UTC."""
    if isinstance(value, str) and TIME.fullmatch(value):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    raise breach(FieldCode.INVALID_TIME, "must be a time with its offset, such as 2027-01-31T12:00:00Z")


Text = Annotated[str, AfterValidator(_present)]
Email = Annotated[str, AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email", "maxLength": 254})]
NewPassword = Annotated[
    str,
    AfterValidator(_new_password),
    WithJsonSchema(
        {
            "type": "string",
            "format": "password",
            "minLength": 8,
            "maxLength": 256,
            "description": "With an uppercase letter, a lowercase letter, a number and a special character.",
        }
    ),
]
Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": names.MAX_LENGTH})
]
Scope = Annotated[str, AfterValidator(_scope), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})]
Scopes = Annotated[list[Scope], Field(max_length=20)]
GroupName = Annotated[str, AfterValidator(_group), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})]
KeyRate = Annotated[str, AfterValidator(_rate), WithJsonSchema({"type": "string", "examples": ["60/1m"]})]
Time = Annotated[datetime, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
