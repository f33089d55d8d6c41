"""Things that tests need, with everything that does not matter filled in."""

import base64
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from service.ambient import Ambient
from service.domain.events.security_events import Events, Sink
from service.domain.models import Session, User
from service.settings import ENVIRONMENT, EventLoop, Settings

SECRET = "rUMNs3bQy4E1fJx7Zc0WkTgV9aHdLpOi-XeKvYtBn2w"
PASSWORD = "SecurePass1!"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EVENT_LOOP = cast("EventLoop", ENVIRONMENT.get("TEST_EVENT_LOOP", "auto"))
_numbers = itertools.count(1)


class FakeAmbient(Ambient):
    """A clock that stands still until it is told to go on. The dice are real."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - NOON).total_seconds()

    def advance(self, **span: float) -> None:
        self._now += timedelta(**span)


def events(*sinks: Sink) -> Events:
    return Events(lambda address: f"<{address[::-1]}>", *sinks)


def settings(**sections: dict[str, Any]) -> Settings:
    """Cheap hashes, no limits on the test's own machine unless asked for."""
    values: dict[str, Any] = {
        "passwords": {"bcrypt_rounds": 4, "max_wait": "20s"},
        "throttle": {"exempt": ["127.0.0.0/8"]},
        "server": {"port": 0},
    }
    for name, fields in sections.items():
        values[name] = values.get(name, {}) | fields
    return Settings(secret_key=SECRET, **values)


def sign_up_body(**fields: object) -> dict[str, object]:
    """A new person's sign-up; `fields` replaces or adds, None removes."""
    body: dict[str, object] = {
        "email": f"ada{next(_numbers)}@example.com",
        "password": PASSWORD,
        "firstName": "Ada",
        "lastName": "Lovelace",
    }
    return {name: value for name, value in (body | fields).items() if value is not None}


def user(ambient: Ambient, **fields: Any) -> User:
    address = f"grace{next(_numbers)}@example.com"
    made: dict[str, Any] = {
        "id": ambient.new_uuid(),
        "email": address,
        "canonical_email": address,
        "first_name": "Grace",
        "last_name": "Hopper",
        "password_hash": "no hash",
        "api_key_sealed": b"sealed",
        "created_at": ambient.now(),
        "password_changed_at": ambient.now(),
    }
    return User(**(made | fields))


def session(ambient: Ambient, **fields: Any) -> Session:
    now = ambient.now()
    made: dict[str, Any] = {
        "id": ambient.new_id(),
        "user_id": ambient.new_uuid(),
        "started_at": now,
        "last_used_at": now,
        "ends_at": now + timedelta(days=30),
        "source": "192.0.2.7",
        "user_agent": "pytest",
        "password_changed_at": now,
    }
    return Session(**(made | fields))


def remembering(entries: Mapping[str, timedelta]) -> Callable[[], Awaitable[Mapping[str, timedelta]]]:
    """What Postgres remembers, as a restoring asks for it."""

    async def remembered() -> Mapping[str, timedelta]:
        return entries

    return remembered


def part(token: str, index: int) -> bytes:
    """A decoded part of a compact JWT: 0 the header, 1 the claims, 2 the signature."""
    text = token.split(".")[index]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token: str) -> dict[str, Any]:
    """Of a compact JWT, whoever signed it."""
    return dict(json.loads(part(token, 1)))
