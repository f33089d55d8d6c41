"""What a refused source is told about its own limit."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """The state of a source's own limit, as the RateLimit header fields show it."""

    name: str
    quota: int
    window: timedelta
    remaining: int
    resets_in: timedelta
