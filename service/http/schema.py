"""The base class of the JSON schemas, and the strict parsing of input."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from service.broken_fields import BrokenField, FieldCode
from service.errors import InvalidFieldsError


class Schema(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, strict=True, frozen=True, hide_input_in_errors=True
    )


class StrictBody(Schema):
    """A body that refuses members it does not know, where one that is misspelt must not do less than was asked for."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Schema):
    field: str
    code: FieldCode
    message: str


class Problem(Schema):
    """RFC 9457. `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] = Field([], description="Only with code invalid_fields.")
    violated_policies: list[str] = Field([], alias="violated-policies", description="Only with code rate_limited.")
    factors: list[str] = Field([], description="Only with code second_factor_required: which of them will do.")
    challenge: str = Field("", description="Only of POST /auth/login, with code second_factor_required.")
    expires_in: int = Field(0, description="Seconds that the `challenge` is good for.")
    error: str = Field("", description="OAuth's name for `code` (RFC 6749), of the calls that OAuth defines.")
    error_description: str = Field("", alias="error_description", description="OAuth's name for `detail`.")
    checks: dict[str, str] = Field({}, description="Only of GET /readyz: what each store is doing.")


def may_be_left_out(schema: dict[str, Any]) -> None:
    """For `json_schema_extra`. Generators of clients take a field with a default for one that is always there."""
    schema.pop("default")
    (shape,) = [one for one in schema.pop("anyOf") if one["type"] != "null"]
    schema.update(shape)


S = TypeVar("S", bound=Schema)
_CODES: dict[str, tuple[FieldCode, str]] = {
    "missing": (FieldCode.MISSING, "is required"),
    "string_type": (FieldCode.WRONG_TYPE, "must be a string"),
    "bool_type": (FieldCode.WRONG_TYPE, "must be true or false"),
    "int_type": (FieldCode.WRONG_TYPE, "must be a whole number"),
    "list_type": (FieldCode.WRONG_TYPE, "must be a list"),
    "dict_type": (FieldCode.WRONG_TYPE, "must be an object"),
    "greater_than_equal": (FieldCode.OUT_OF_RANGE, "is too small"),
    "less_than_equal": (FieldCode.OUT_OF_RANGE, "is too big"),
}
HARMLESS = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
UNKNOWN = "extra_forbidden"  # pydantic's word


def parse(schema: type[S], values: dict[str, Any]) -> S:
    """Raises InvalidFieldsError with every invalid field and none of the values."""
    try:
        return schema.model_validate(values, by_name=False, by_alias=True)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        broken = [_broken(schema, str(one["loc"][0]), one["type"], one["msg"]) for one in errors]
        raise InvalidFieldsError(dict.fromkeys(broken)) from None


def _broken(schema: type[Schema], field: str, kind: str, message: str) -> BrokenField:
    if kind == UNKNOWN:  # its name is the caller's own text, which is repeated where it can do no harm
        known = ", ".join(str(one.alias) for one in schema.model_fields.values())
        named = field if HARMLESS.fullmatch(field) else ""
        return BrokenField(
            named,
            FieldCode.UNKNOWN_MEMBER,
            f"the members of this body are {known}" if known else "this call takes no body",
        )
    return BrokenField(field, *(_CODES.get(kind) or (FieldCode[kind.upper()], message)))
