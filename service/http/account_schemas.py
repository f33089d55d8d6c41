"""What is stored about an account, as JSON: pieces that calls answer, and the whole, which every face exports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import Field, TypeAdapter

from service.domain import models as domain
from service.domain.accounts import account_claims
from service.domain.models import NamedApiKey
from service.domain.second_factors.base64url import encoded
from service.domain.second_factors.models import HeldFactors, Passkey
from service.http.schema import Schema


class ShownKey(Schema):
    key_id: UUID
    name: str
    prefix: str = Field(description="The first characters of the key.")
    scopes: list[str]
    rate: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = Field(None, description="To the minute, and up to a minute late.")

    @classmethod
    def of(cls, key: NamedApiKey) -> Self:
        return cls(
            key_id=key.id,
            name=key.name,
            prefix=key.prefix,
            scopes=list(key.scopes),
            rate=key.rate,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class ShownPasskeyRow(Schema):
    passkey_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    backed_up: bool = Field(description="Whether it is kept outside of the device too, and so outlives it.")

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        return cls(
            passkey_id=encoded(passkey.id),
            name=passkey.name,
            created_at=passkey.created_at,
            last_used_at=passkey.last_used_at,
            backed_up=passkey.backed_up,
        )


class Totp(Schema):
    since: datetime


class Factors(Schema):
    totp: Totp | None
    passkeys: list[ShownPasskeyRow]
    recovery_codes_left: int

    @classmethod
    def of(cls, held: HeldFactors, passkeys: Sequence[Passkey]) -> Self:
        return cls(
            totp=Totp(since=held.totp_since) if held.totp_since else None,
            passkeys=[ShownPasskeyRow.of(one) for one in passkeys],
            recovery_codes_left=held.recovery_codes_left,
        )


class Session(Schema):
    session_id: str
    created_at: datetime
    last_used_at: datetime
    ip: str = Field(description="The network it was opened from: a /24 or a /48.")
    user_agent: str
    current: bool

    @classmethod
    def of(cls, session: domain.Session, current_id: str) -> Self:
        return cls(
            session_id=session.id,
            created_at=session.started_at,
            last_used_at=session.last_used_at,
            ip=session.source,
            user_agent=session.user_agent,
            current=session.id == current_id,
        )


class EndedSession(Schema):
    session_id: str
    remembered_until: datetime


ENDED_SESSIONS = TypeAdapter(list[EndedSession])


class Export(Schema):
    """Everything that is stored about a user, except the password hash, and what is sealed or digested."""

    user_id: UUID
    email: str
    canonical_email: str
    first_name: str
    last_name: str
    created_at: datetime
    password_changed_at: datetime
    email_verified: bool
    groups: list[str]
    claims: dict[str, Any] = Field(description="What operators say of the account.")
    attributes: dict[str, str] = Field(description="What clients of Cognito's protocol keep: OpenID's standard claims.")
    api_keys: list[ShownKey]
    factors: Factors
    sessions: list[Session]
    ended_sessions: list[EndedSession]  # the last field, which is written piece by piece

    @classmethod
    def of(
        cls,
        profile: domain.UserProfile,
        factors: Factors,
        held: Sequence[domain.Session],
        current_id: str,
        api_keys: Sequence[domain.NamedApiKey],
    ) -> Self:
        """Without the ended sessions, which are written piece by piece."""
        user = profile.user
        return cls(
            user_id=user.id,
            email=user.email,
            canonical_email=user.canonical_email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
            password_changed_at=user.password_changed_at,
            email_verified=user.email_verified_at is not None,
            groups=list(user.groups),
            claims=dict(account_claims.read(user.claims)),
            attributes=dict(profile.attributes),
            api_keys=[ShownKey.of(one) for one in api_keys],
            factors=factors,
            sessions=[Session.of(one, current_id) for one in held],
            ended_sessions=[],
        )
