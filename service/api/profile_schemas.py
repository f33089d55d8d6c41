"""Bodies and query of the calls on a member's profile."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from service.domain import models as domain
from service.http.fields import Name
from service.http.query import AddedQuery
from service.http.schema import Schema, StrictBody


class ChangeNames(StrictBody):
    """At least one member."""

    first_name: Name | None = None
    last_name: Name | None = None


class Profile(Schema):
    user_id: UUID
    email: str
    first_name: str
    last_name: str
    created_at: datetime
    email_verified: bool | None = Field(None, description="Only when it is asked for with `include`.")
    factors: list[str] | None = Field(None, description="Only when it is asked for with `include`.")

    @classmethod
    def of(cls, user: domain.User, included: Collection[str] = (), factors: Sequence[str] | None = None) -> Self:
        return cls(
            user_id=user.id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
            email_verified=user.email_verified_at is not None if "emailVerified" in included else None,
            factors=list(factors) if factors is not None else None,
        )


class ProfileQuery(AddedQuery):
    include: str = Field("", description="`emailVerified`, `factors`, or both with a comma: what to add.")
