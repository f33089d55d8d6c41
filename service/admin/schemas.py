"""Bodies and queries of the calls at `/admin`. A body refuses members that it does not know."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from service.broken_fields import FieldCode
from service.domain import models as domain
from service.domain.events.audit_trail import BEGINNING, Entry, Place
from service.domain.events.security_events import Name
from service.domain.operations.mass_revocation import RevokedCounts
from service.domain.signing.key_states import KeyState
from service.domain.signing.models import StoredKey
from service.http.cursors import TrailCursor
from service.http.fields import Time, breach
from service.http.schema import Schema, StrictBody

EVERYBODY = "everybody"
MOST_GROUPS = 100  # in one call
NAMES: dict[str, Any] = {"type": "string", "enum": [one.value for one in Name]}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def _everybody(value: str) -> str:
    if value != EVERYBODY:
        raise breach(FieldCode.UNKNOWN_VALUE, f"must be {EVERYBODY}")
    return value


def _number(value: object) -> int:
    """Of a query parameter: ASCII digits alone."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len("1000"):
        return int(value)
    raise ValueError


def as_uuid(value: object) -> object:
    return UUID(value) if isinstance(value, str) else value


PageSize = Annotated[int, BeforeValidator(_number), Field(ge=1, le=1000)]
Confirmation = Annotated[str, AfterValidator(_everybody), WithJsonSchema({"type": "string", "const": EVERYBODY})]


class EndEverybodys(StrictBody):
    confirm: Confirmation


class UserSession(Schema):
    session_id: str
    created_at: datetime
    last_used_at: datetime
    ip: str = Field(description="The network it was opened from: a /24 or a /48.")
    user_agent: str
    client_id: str = Field(description="Of the app client that opened it; empty: this API's own.")

    @classmethod
    def of(cls, session: domain.Session) -> Self:
        return cls(
            session_id=session.id,
            created_at=session.started_at,
            last_used_at=session.last_used_at,
            ip=session.source,
            user_agent=session.user_agent,
            client_id=session.client_id,
        )


class UserSessions(Schema):
    sessions: list[UserSession]


class EndedSessions(Schema):
    sessions: int


class EndedEverybodys(Schema):
    sessions: int
    keys: int = Field(description="Signing keys: every token of theirs is refused.")

    @classmethod
    def of(cls, counts: RevokedCounts) -> Self:
        return cls(sessions=counts.sessions, keys=counts.keys)


class AuditEntry(Schema):
    id: UUID
    time: datetime
    event: str
    outcome: str
    reason: str = ""
    user_id: UUID | None = None
    session_id: str = ""
    account: str = Field("", description="A pseudonym of the address, where nobody was authenticated.")
    kid: str = ""
    source: str = ""
    operator: str = Field("", description="Whose command, call (`token:NAME`) or admin page (`user:ID`) caused it.")
    request_id: str = ""

    @classmethod
    def of(cls, entry: Entry) -> Self:
        event = entry.event
        return cls(
            id=entry.id,
            time=entry.at,
            event=event.name.value,
            outcome=event.outcome.value,
            reason=str(event.reason),
            user_id=event.user_id,
            session_id=event.session_id,
            account=event.account,
            kid=event.key_id,
            source=event.source,
            operator=event.operator,
            request_id=entry.request_id,
        )


class Audit(Schema):
    events: list[AuditEntry]
    next: str | None = Field(None, description="Send it as `after` for older events. None: there are no older ones.")


class Key(Schema):
    kid: str
    algorithm: str
    state: str
    created_at: datetime
    activates_at: datetime | None = None
    retires_at: datetime | None = None
    killed_at: datetime | None = None

    @classmethod
    def of(cls, key: StoredKey, state: KeyState) -> Self:
        return cls(
            kid=key.kid,
            algorithm=key.algorithm,
            state=state.value,
            created_at=key.created_at,
            activates_at=key.activates_at,
            retires_at=key.retires_at,
            killed_at=key.killed_at,
        )


class Keys(Schema):
    keys: list[Key]


class RotatedKeys(Schema):
    kid: str = Field(description="Of the key that signs next.")
    activates_at: datetime | None = None


# --- query parameters


class AuditQuery(Schema):
    user: Annotated[UUID | None, BeforeValidator(as_uuid)] = Field(None, description="Events of this `userId` alone.")
    name: Annotated[Name | None, BeforeValidator(Name), WithJsonSchema(NAMES)] = Field(
        None, description="Events of this name alone: see docs/observability.md."
    )
    since: Time = Field(LONG_AGO, description="Events from this time on.")
    after: Annotated[Place, BeforeValidator(TrailCursor.read), WithJsonSchema({"type": "string"})] = Field(
        BEGINNING, description="`next` of the page before.", json_schema_extra={"default": ""}
    )
    limit: PageSize = Field(100, description="Events of a page, at most.")
