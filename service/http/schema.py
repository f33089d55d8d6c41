"""The base class of the JSON schemas, and the strict parsing of input."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from service.broken_fields import BrokenField, FieldCode
from service.errors import InvalidFieldsError


class Schema(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, strict=True, frozen=True, hide_input_in_errors=True
    )


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


S = TypeVar("S", bound=Schema)
_CODES: dict[str, tuple[FieldCode, str]] = {
    "missing": (FieldCode.MISSING, "is required"),
    "string_type": (FieldCode.WRONG_TYPE, "must be a string"),
    "bool_type": (FieldCode.WRONG_TYPE, "must be true or false"),
    "dict_type": (FieldCode.WRONG_TYPE, "must be an object"),
}


def parse(schema: type[S], values: dict[str, Any]) -> S:
    """Raises InvalidFieldsError with every invalid field and none of the values."""
    try:
        return schema.model_validate(values, by_name=False, by_alias=True)
    except ValidationError as invalid:
        broken = [
            BrokenField(str(one["loc"][0]), *(_CODES.get(one["type"]) or (FieldCode[one["type"].upper()], one["msg"])))
            for one in invalid.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidFieldsError(broken) from None
