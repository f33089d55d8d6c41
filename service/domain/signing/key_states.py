"""The states of a signing key, computed from its timestamps. No other module interprets these.

next     published in the key set, not signing yet: verifiers cache it before they need it
active   signs new tokens, and verifies
retired  its successor signs; it verifies until the last token that it may have signed has expired
gone     neither published nor loaded; the row is deleted later. A revoked key is gone at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.signing.models import StoredKey

OVERLAP = timedelta(minutes=2)  # an instance that has not loaded the successor yet may keep signing for a minute
KILLED_FOR = timedelta(days=30)  # how long a revoked key stays denied: a leaked key can sign tokens with any date


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"


def gone_at(key: StoredKey, longest: timedelta) -> datetime | None:
    """When the key stops verifying, None if not planned. `longest`: the longest token lifetime plus the leeway."""
    if key.killed_at:
        return key.killed_at
    return key.retires_at + longest + OVERLAP if key.retires_at else None


def state_of(key: StoredKey, now: datetime, longest: timedelta) -> KeyState:
    end = gone_at(key, longest)
    if end and now >= end:
        return KeyState.GONE
    if key.retires_at and now >= key.retires_at:
        return KeyState.RETIRED
    return KeyState.ACTIVE if key.activates_at and now >= key.activates_at else KeyState.NEXT


def in_state(keys: Iterable[StoredKey], state: KeyState, now: datetime, longest: timedelta) -> list[StoredKey]:
    """The keys in this state by activation, or by age before it: `next` keys ascending, others descending."""
    found = [key for key in keys if state_of(key, now, longest) is state]
    found.sort(key=lambda key: key.created_at)
    return sorted(found, key=lambda key: key.activates_at or key.created_at, reverse=state is not KeyState.NEXT)


def is_standby(key: StoredKey, now: datetime, longest: timedelta) -> bool:
    """Whether it is a `next` key whose activation is not planned yet."""
    return state_of(key, now, longest) is KeyState.NEXT and key.activates_at is None


def killed_until(keys: Sequence[StoredKey]) -> dict[str, datetime]:
    """The `kid` of each revoked key, and until when it must be denied."""
    return {key.kid: key.killed_at + KILLED_FOR for key in keys if key.killed_at}
