"""Error messages for wrong settings: the name and the expected form in our own words, never the value."""

from typing import Any

from pydantic import BaseModel, ValidationError

from service.settings.values import DURATION_FORM, Section

CLIENTS = (
    "write clients as `tokenhouse clients new` prints them, name:digest,name:digest: names of a-z, 0-9, `.`, `_` and"
    " `-`, digests of 64 hexadecimal digits"
)
ENDPOINTS_FORM = (
    "give each endpoint a url and secrets, and events where it takes some alone: docs/webhooks.md shows how"
)
ENDPOINTS = "webhooks.endpoints"
WHOLE_NUMBER = "write a whole number"
FORMS = {  # by the prefix of pydantic's error type
    "int_": WHOLE_NUMBER,
    "bool_": "write true or false",
    "string_too_short": "write at least one character",
    "string_": "write a text in UTF-8",
    "path_": "write the path of a file",
    "time_delta_": DURATION_FORM,
    "tuple_": "write a list; in the environment, with commas",
    "model_": "write named settings, as in the shipped config.yaml",
}
FORMS_OF_SETTINGS = {"introspection.clients": CLIENTS, ENDPOINTS: ENDPOINTS_FORM}
OTHERWISE = "does not have the form that config.yaml shows"


def complaint_of(error: ValidationError, settings: type[BaseModel]) -> str:
    """One line about the first error."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = _name(first["loc"], settings)
    if first["type"] == "extra_forbidden" and name != ENDPOINTS:
        return f"{name} names no setting; config.yaml lists them all"
    return f"{name}: {_rule(name, first['type'], first['msg'], first.get('ctx', {}))}"


def _name(place: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    """The setting's name only: deeper parts of `place` belong to its value."""
    held = settings.model_fields.get(str(place[0]))
    is_section = held is not None and isinstance(held.annotation, type) and issubclass(held.annotation, Section)
    return ".".join(str(part) for part in place[: 2 if is_section else 1])


def _rule(name: str, kind: str, message: str, context: dict[str, Any]) -> str:
    if kind == "value_error":  # raised by one of our validators
        return message.removeprefix("Value error, ")
    if name in FORMS_OF_SETTINGS:
        return FORMS_OF_SETTINGS[name]
    match kind:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "literal_error":
            return f"write {context['expected']}"
        case _:
            return next((form for beginning, form in FORMS.items() if kind.startswith(beginning)), OTHERWISE)
