"""The fields of request bodies: their rules, and the error code of a broken rule."""

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.broken_fields import FieldCode
from service.domain.accounts import names
from service.domain.credentials import emails
from service.domain.passwords.policy import broken_rules


def _broken(code: FieldCode, message: str) -> PydanticCustomError:
    return PydanticCustomError(code.value, message)


def _present(value: str) -> str:
    if not value.strip():
        raise _broken(FieldCode.BLANK, "must not be blank")
    return value


def _email(value: str) -> str:
    _present(value)
    try:
        emails.canonical(value)
    except emails.InvalidEmailError:
        raise _broken(FieldCode.INVALID_EMAIL, "must be an e-mail address such as ada@example.com") from None
    return value.strip()


def _new_password(value: str) -> str:
    if rules := broken_rules(value):
        raise _broken(rules[0][0], " ".join(message for _, message in rules))
    return value


def _name(value: str) -> str:
    name = _present(value).strip()
    if broken := names.broken_rule(name):
        raise _broken(*broken)
    return name


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
