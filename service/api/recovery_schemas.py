"""Schemas of the calls about forgotten passwords and proofs of an address."""

from pydantic import Field

from service.api.factor_schemas import ConfirmWithPassword
from service.http.fields import Email, NewPassword, Text
from service.http.schema import Schema

TOKEN = "Of the link in the mail."  # noqa: S105 - a description
CODE = "The eight digits in the mail."


class Forgot(Schema):
    email: Text


class Reset(Schema):
    """`token`, or `email` and `code`."""

    token: Text | None = Field(None, description=TOKEN)
    email: Text | None = Field(None, description="With `code`.")
    code: Text | None = Field(None, description=CODE)
    new_password: NewPassword
    revoke_api_key: bool = Field(default=False, description="Replace the API key too, and remove those with names.")


class VerifyEmail(Schema):
    """`token`, or `email` and `code`; and `password` or `newPassword`, unless an id token of the account is sent."""

    token: Text | None = Field(None, description=TOKEN)
    email: Text | None = Field(None, description="With `code`.")
    code: Text | None = Field(None, description=CODE)
    password: Text | None = Field(None, description="The account's own: nothing in the account changes but the proof.")
    new_password: NewPassword | None = Field(None, description="For whoever is not in the account, and takes it over.")


class ChangeEmail(ConfirmWithPassword):
    new_email: Email


class ConfirmEmail(Schema):
    """`token`, or `code` with an id token."""

    token: Text | None = Field(None, description=TOKEN)
    code: Text | None = Field(None, description=CODE)


class UndoEmail(Schema):
    token: Text = Field(description=TOKEN)


class CurrentEmail(Schema):
    email: str
