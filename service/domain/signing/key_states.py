"""The life of a signing key, told from its times alone. This is the one place that knows what the states mean.

next     published in the key set, not signing yet: verifiers have it in their caches before they need it
active   signs new tokens, and verifies
retired  its successor signs; it verifies until the longest token that it may have signed is over
gone     neither published nor loaded; the row is deleted later. A killed key is gone at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.signing.models import StoredKey

OVERLAP = timedelta(minutes=2)  # an instance that has not heard of the successor yet may sign on for a minute
KILLED_FOR = timedelta(days=30)  # how long a killed key stays denied: who holds a leaked key can date tokens at will


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"


def gone_at(key: StoredKey, longest: timedelta) -> datetime | None:
    """When the key stops verifying, as far as is known; `longest` is the life of the longest token and the leeway."""
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
    """Those in this state; the one that was activated last comes first, then by age."""
    found = [key for key in keys if state_of(key, now, longest) is state]
    found.sort(key=lambda key: key.created_at)
    return sorted(found, key=lambda key: key.activates_at or key.created_at, reverse=state is not KeyState.NEXT)


def is_standby(key: StoredKey, now: datetime, longest: timedelta) -> bool:
    """Whether it waits to be chosen; a `next` key that is chosen has a time to activate at."""
    return state_of(key, now, longest) is KeyState.NEXT and key.activates_at is None


def killed_until(keys: Sequence[StoredKey]) -> dict[str, datetime]:
    """The killed keys, and until when they must be denied by name."""
    return {key.kid: key.killed_at + KILLED_FOR for key in keys if key.killed_at}
