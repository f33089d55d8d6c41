"""Schemas of requests and responses about second factors."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from service.domain.accounts.factors import NewTotp
from service.domain.second_factors.models import Proof
from service.http.fields import Text
from service.http.schema import Schema, may_be_left_out


class Proving(Schema):
    """Of every call that asks for the second factor of an account that has one."""

    code: Text | None = Field(
        None,
        description="Where the account has a second factor: six digits of the app, or a recovery code.",
        json_schema_extra=may_be_left_out,
    )
    credential: dict[str, Any] | None = Field(
        None, description="Instead of `code`: what a passkey answered.", json_schema_extra=may_be_left_out
    )

    @property
    def proof(self) -> Proof:
        return Proof(self.code or "", self.credential)


class AnswerChallenge(Proving):
    challenge: Text


class ConfirmWithPassword(Proving):
    password: Text


class SetUpTotp(Schema):
    challenge: Text


class FinishTotp(Schema):
    challenge: Text
    code: Text = Field(description="Six digits of the app.")


class TotpSecret(Schema):
    secret: str = Field(description="In base32, for typing it into an app.")
    uri: str = Field(description="`otpauth://…`, for a QR code.")

    @classmethod
    def of(cls, new: NewTotp) -> Self:
        return cls(secret=new.secret, uri=new.uri)


class ConfirmTotp(Schema):
    code: Text = Field(description="Six digits of the app.")


class RecoveryCodes(Schema):
    recovery_codes: list[str] = Field(description="Each is good once. They are shown this one time.")

    @classmethod
    def of(cls, codes: Sequence[str]) -> Self:
        return cls(recovery_codes=list(codes))
