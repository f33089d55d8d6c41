"""Who asks about tokens, and the order of the revocation feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class FeedPosition(NamedTuple):
    """A place in the feed of revocations. Whatever is entered later stands at or behind the last `settled` place."""

    transaction: int
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Revocations in the feed's order. What was entered before `settled` is all there: nothing can still join it."""

    entries: Sequence[tuple[FeedPosition, datetime]]  # with the end of the denial
    watermark: FeedPosition
    timeline: (
        int  # another one after each restart, failover or restored backup: places of different eras do not compare
    )


class ResourceServer(NamedTuple):
    """A service that may ask about tokens, by its credential."""

    name: str
