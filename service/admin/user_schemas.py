"""Bodies and query of the calls on accounts."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from service.admin.fields import AccountClaims, AccountId, ClaimChanges, StorableHash
from service.admin.schemas import PageSize
from service.broken_fields import FieldCode
from service.domain import models as domain
from service.domain.accounts import account_claims, groups
from service.domain.administration import models
from service.http.cursors import EmailCursor
from service.http.fields import Email, GroupName, Name, NewPassword, breach
from service.http.schema import Schema, StrictBody

T = TypeVar("T")
MOST_GROUPS = 100  # in one call


def _alone(value: T, info: ValidationInfo) -> T:
    """An account is opened with one of these. A hash or an invitation beside a password would have to be ignored."""
    if value and any(info.data.get(name) for name in ("password", "password_hash")):
        raise breach(FieldCode.CONFLICTING, "send one of password, passwordHash and invite, or none of them")
    return value


def _fit(value: list[str]) -> list[str]:
    if not groups.fit(set(value)):
        raise breach(FieldCode.OUT_OF_RANGE, groups.TOO_MANY)
    return value


class CreateUser(StrictBody):
    email: Email
    first_name: Name
    last_name: Name
    id: AccountId | None = Field(None, description="Of the account, where it has one already elsewhere.")
    password: NewPassword | None = Field(None, description="The first one.")
    password_hash: Annotated[StorableHash | None, AfterValidator(_alone)] = Field(
        None, description="Instead: a hash of a password of the user's, of this service or another system."
    )
    invite: Annotated[bool, AfterValidator(_alone)] = Field(
        default=False, description="Instead: send a mail with which the user sets a password. Needs mail."
    )
    email_verified: bool = Field(default=False, description="True: you know that the address is the user's.")
    groups: Annotated[list[GroupName], AfterValidator(_fit)] = Field([], max_length=MOST_GROUPS)
    claims: AccountClaims = Field(
        {}, description="`tokens.claims` names those that id tokens carry.", json_schema_extra={"default": {}}
    )

    def wanted(self) -> models.NewUser:
        return models.NewUser(
            email=self.email,
            first_name=self.first_name,
            last_name=self.last_name,
            id=self.id,
            password=self.password,
            password_hash=self.password_hash or "",
            email_verified=self.email_verified,
            groups=tuple(self.groups),
            claims=account_claims.written(self.claims),
            is_invited=self.invite,
        )


class ChangeUser(StrictBody):
    first_name: Name | None = None
    last_name: Name | None = None
    add_groups: list[GroupName] = Field([], max_length=MOST_GROUPS)
    remove_groups: list[GroupName] = Field([], max_length=MOST_GROUPS, description="One that is added too is removed.")
    claims: ClaimChanges = Field(
        {}, description="Those that are named: null removes one.", json_schema_extra={"default": {}}
    )

    def wanted(self) -> models.UserChange:
        return models.UserChange(
            first_name=self.first_name,
            last_name=self.last_name,
            added_groups=tuple(self.add_groups),
            removed_groups=tuple(self.remove_groups),
            set_claims=account_claims.written({name: one for name, one in self.claims.items() if one is not None}),
            removed_claims=tuple(name for name, one in self.claims.items() if one is None),
        )


class User(Schema):
    """Nothing in it is a secret, or made of one."""

    user_id: UUID
    email: str
    canonical_email: str
    first_name: str
    last_name: str
    created_at: datetime
    password_changed_at: datetime
    has_password: bool
    email_verified_at: datetime | None = None
    disabled_at: datetime | None = None
    second_factor_since: datetime | None = None
    groups: list[str]
    claims: dict[str, Any] = Field(description="Those that operators set.")

    @classmethod
    def of(cls, user: domain.User) -> Self:
        return cls(
            user_id=user.id,
            email=user.email,
            canonical_email=user.canonical_email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
            password_changed_at=user.password_changed_at,
            has_password=user.has_password,
            email_verified_at=user.email_verified_at,
            disabled_at=user.disabled_at,
            second_factor_since=user.second_factor_since,
            groups=list(user.groups),
            claims=dict(account_claims.read(user.claims)),
        )


class Users(Schema):
    users: list[User]
    next: str | None = Field(None, description="Send it as `after` for the next page. The last page has none.")

    @classmethod
    def of(cls, page: models.UserPage) -> Self:
        after = None if page.is_last else EmailCursor.write(page.users[-1].canonical_email)
        return cls(users=[User.of(one) for one in page.users], next=after)


class UsersQuery(Schema):
    email: str = Field("", max_length=254, description="The beginning of the address, in letters of either case.")
    after: Annotated[str, BeforeValidator(EmailCursor.read)] = Field("", description="`next` of the page before.")
    limit: PageSize = Field(100, description="Users of a page, at most.")
