"""What comes in and goes out as JSON, and the strict reading of what comes in."""

from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts import names
from service.domain.credentials import emails
from service.domain.passwords.policy import broken_rules
from service.errors import InvalidFieldsError


def _broken(code: FieldCode, message: str) -> PydanticCustomError:
    return PydanticCustomError(code.value, message)


def _present(value: str) -> str:
    if not value.strip():
        raise _broken(FieldCode.BLANK, "must not be blank")
    return value


def _address(value: str) -> str:
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
Address = Annotated[
    str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email", "maxLength": 254})
]
NewPassword = Annotated[
    str,
    AfterValidator(_new_password),
    WithJsonSchema({
        "type": "string", "format": "password", "minLength": 8, "maxLength": 256,
        "description": "With an uppercase letter, a lowercase letter, a number and a special character.",
    }),
]  # fmt: skip
Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": names.MAX_LENGTH})
]


class Payload(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, strict=True, frozen=True, hide_input_in_errors=True
    )


class SignUp(Payload):
    email: Address
    password: NewPassword
    first_name: Name
    last_name: Name


class Login(Payload):
    email: Text
    password: Text


class Refresh(Payload):
    refresh_token: Text


class Logout(Payload):
    access_token: Text


class Token(Payload):
    """RFC 7009 and RFC 7662. A `token_type_hint` is not needed, and ignored like any other parameter."""

    token: Text


class Introspected(Payload):
    """RFC 7662 section 2.2. A token that is not active has no other member."""

    model_config = ConfigDict(alias_generator=None)

    active: bool
    iss: str | None = None
    sub: str | None = None
    aud: str | None = None
    client_id: str | None = None
    username: str | None = None
    scope: str | None = None
    token_type: str | None = None
    token_use: str | None = Field(None, description="id, access or refresh; a refresh token is no bearer token.")
    iat: int | None = None
    exp: int | None = None
    jti: str | None = None
    origin_jti: str | None = Field(None, description="The session.")


class Message(Payload):
    message: str


class SignedUp(Payload):
    message: str
    user_id: UUID
    api_key: str


class Refreshed(Payload):
    id_token: str
    access_token: str
    refresh_token: str | None = Field(None, description="Only when refresh tokens rotate.")


class ChangePassword(Payload):
    current_password: Text
    new_password: NewPassword


class CloseAccount(Payload):
    password: Text


class ApiKey(Payload):
    api_key: str


class Session(Payload):
    session_id: str
    created_at: datetime
    last_used_at: datetime
    ip: str = Field(description="The network it was opened from: a /24 or a /48.")
    user_agent: str
    current: bool


class Sessions(Payload):
    sessions: list[Session]


class EndedSession(Payload):
    session_id: str
    remembered_until: datetime


ENDED_SESSIONS = TypeAdapter(list[EndedSession])


class Export(Payload):
    """Everything that is stored about a user, but for the password's hash and the key's seal."""

    user_id: UUID
    email: str
    canonical_email: str
    first_name: str
    last_name: str
    created_at: datetime
    password_changed_at: datetime
    sessions: list[Session]
    ended_sessions: list[EndedSession]  # the last field, which is written piece by piece


class SignedIn(Payload):
    id_token: str
    access_token: str
    refresh_token: str
    api_key: str
    first_name: str
    last_name: str
    email: str


class Profile(Payload):
    user_id: UUID
    email: str
    first_name: str
    last_name: str
    created_at: datetime


class FieldProblem(Payload):
    field: str
    code: FieldCode
    message: str


class Problem(Payload):
    """RFC 9457. `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] = Field([], description="Only with code invalid_fields.")
    violated_policies: list[str] = Field([], alias="violated-policies", description="Only with code rate_limited.")
    error: str = Field("", description="OAuth's name for `code` (RFC 6749), of the calls that OAuth defines.")
    error_description: str = Field("", alias="error_description", description="OAuth's name for `detail`.")
    checks: dict[str, str] = Field({}, description="Only of GET /readyz: what each store is doing.")


class Health(Payload):
    status: str


class Readiness(Payload):
    """`ok`, or in a word what is missing."""

    status: str
    postgres: str
    redis: str


P = TypeVar("P", bound=Payload)
_CODES: dict[str, tuple[FieldCode, str]] = {
    "missing": (FieldCode.MISSING, "is required"),
    "string_type": (FieldCode.WRONG_TYPE, "must be a string"),
}


def parse(shape: type[P], values: dict[str, Any]) -> P:
    """Raises InvalidFieldsError with every broken field, and nothing of what was typed."""
    try:
        return shape.model_validate(values, by_name=False, by_alias=True)
    except ValidationError as invalid:
        broken = [
            BrokenField(str(one["loc"][0]), *(_CODES.get(one["type"]) or (FieldCode[one["type"].upper()], one["msg"])))
            for one in invalid.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidFieldsError(broken) from None
