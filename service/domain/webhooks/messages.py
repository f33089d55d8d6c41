"""What an endpoint is sent, by Standard Webhooks (https://www.standardwebhooks.com): a body of ids, and signatures."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.domain.events.security_events import Name, Reason
from service.domain.webhooks.models import TEST, TrailEvent

TYPES: Mapping[Name, str] = {
    Name.LOGGED_IN: "login.succeeded",
    Name.LOGIN_CHALLENGED: "login.challenged",
    Name.LOGIN_FAILED: "login.failed",
    Name.PASSWORD_CHANGED: "password.changed",
    Name.TOKEN_CREATED: "api_key.created",
    Name.TOKEN_REVOKED: "api_key.ended",
    Name.TOKEN_REUSED: "session.token_reused",
    Name.RIGHTS_CHANGED: "rights.changed",
    Name.ENDED: "session.ended",
    Name.USER_CREATED: "user.created",
    Name.USER_UPDATED: "user.updated",
    Name.USER_DELETED: "user.deleted",
    Name.USERS_EXPORTED: "users.exported",
    Name.KEY_ROTATED: "signing_key.rotated",
    Name.KEY_KILLED: "signing_key.killed",
    Name.SECRET_ROTATED: "secret.rotated",
    Name.FORGOTTEN: "denylist.forgotten",
    Name.RESTORED: "denylist.restored",
    Name.WEBHOOKS_RETRIED: "webhook.retried",
}
OF_NAMES = {name.value: event_type for name, event_type in TYPES.items()}
OF_REASONS: Mapping[tuple[str, str], str] = {
    (Name.TOKEN_CREATED, Reason.INVITATION_CREATED): "invitation.created",
    (Name.TOKEN_CREATED, Reason.INVITATION_SENT): "invitation.sent",
    (Name.TOKEN_REVOKED, Reason.INVITATION_ENDED): "invitation.ended",
    (Name.TOKEN_CREATED, Reason.ADMIN_TOKEN_CREATED): "admin_token.created",
    (Name.TOKEN_REVOKED, Reason.ADMIN_TOKEN_ENDED): "admin_token.ended",
    (Name.USER_UPDATED, Reason.DISABLED): "user.disabled",
    (Name.USER_UPDATED, Reason.ENABLED): "user.enabled",
    (Name.LIMITED, Reason.LIMITS_CLEARED): "limits.cleared",
}
KNOWN = frozenset({*TYPES.values(), *OF_REASONS.values()})


def is_known(pattern: str) -> bool:
    """Whether there is such a type, or one that begins so."""
    return pattern in KNOWN or (pattern.endswith(".*") and any(one.startswith(pattern[:-1]) for one in KNOWN))


def type_of(event: TrailEvent) -> str:
    """Events of a newer version have a type too: an instance that is older must not pass them over."""
    known = OF_REASONS.get((event.name, event.reason)) or OF_NAMES.get(event.name)
    return known or f"other.{re.sub(r'[^a-z0-9_]', '_', event.name)}"


def body_of(event: TrailEvent) -> str:
    """The same in every attempt. Sources, pseudonyms and operators are for the audit trail alone."""
    data = {
        "outcome": event.outcome,
        "reason": event.reason,
        "userId": str(event.user_id or ""),
        "sessionId": event.session_id,
        "keyId": event.key_id,
    }
    return _body(type_of(event), event.at, {name: value for name, value in data.items() if value})


def test_body(now: datetime) -> str:
    return _body(TEST, now, {})


def headers_of(message_id: UUID, body: str, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Signed anew in every attempt, once with each secret: while secrets change, either end may be the first."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.{body}".encode()
    digests = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    return {
        "Content-Type": "application/json",
        "webhook-id": str(message_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def _body(event_type: str, at: datetime, data: Mapping[str, str]) -> str:
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps({"type": event_type, "timestamp": stamp, "data": data}, separators=(",", ":"))
