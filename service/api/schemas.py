"""Schemas of requests and responses: JSON bodies and query parameters."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, Field

from service.api.factor_schemas import Proving
from service.domain.sessions import models
from service.http.account_schemas import Session
from service.http.fields import Email, Name, NewPassword, Text
from service.http.query import Switch
from service.http.schema import Schema, may_be_left_out


class SignUp(Schema):
    email: Email
    password: NewPassword
    first_name: Name
    last_name: Name
    invitation: Text | None = Field(
        None,
        description="Of the link of an invitation; needed where sign-up is not open.",
        json_schema_extra=may_be_left_out,
    )


class Login(Proving):
    email: Text
    password: Text


class Refresh(Schema):
    refresh_token: Text


class Logout(Schema):
    access_token: Text


class Token(Schema):
    """RFC 7009 and RFC 7662. A `token_type_hint` is not needed, and ignored like any other parameter."""

    token: Text


class Introspected(Schema):
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


class Message(Schema):
    message: str


class SignedUp(Schema):
    message: str
    user_id: UUID
    api_key: str


class Refreshed(Schema):
    id_token: str
    access_token: str
    refresh_token: str | None = Field(None, description="Only when refresh tokens rotate.")

    @classmethod
    def of(cls, done: models.Refreshed) -> Self:
        return cls(
            id_token=done.tokens.id_token, access_token=done.tokens.access_token, refresh_token=done.refresh_token
        )


class ChangePassword(Proving):
    current_password: Text
    new_password: NewPassword


class CloseAccount(Proving):
    password: Text


class ApiKey(Schema):
    api_key: str


class Sessions(Schema):
    sessions: list[Session]


class SignedIn(Schema):
    id_token: str
    access_token: str
    refresh_token: str
    api_key: str
    first_name: str
    last_name: str
    email: str

    @classmethod
    def of(cls, done: models.SignedIn) -> Self:
        return cls(
            id_token=done.tokens.id_token,
            access_token=done.tokens.access_token,
            refresh_token=done.refresh_token,
            api_key=done.api_key,
            first_name=done.user.first_name,
            last_name=done.user.last_name,
            email=done.user.email,
        )


class SignedInWithFactor(SignedIn):
    recovery_codes: list[str] = Field(description="Each is good once. They are shown this one time.")

    @classmethod
    def of(cls, done: models.SignedIn, codes: Sequence[str] = ()) -> Self:
        return cls(**SignedIn.of(done).model_dump(), recovery_codes=list(codes))


class Health(Schema):
    status: str


class Readiness(Schema):
    """`ok`, or the reason in a word. `passwords`: what computes bcrypt, `lanes` or `wheel` (`passwords.engine`)."""

    status: str
    postgres: str
    redis: str
    passwords: str


# --- query parameters


class EndSessionsQuery(Schema):
    everywhere: Switch = Field(default=False, description="End the current session too.")


class RevocationsQuery(Schema):
    since: str = Field("", description="The `cursor` of the last piece; without it the feed starts at the beginning.")
