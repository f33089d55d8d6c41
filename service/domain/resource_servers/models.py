"""Resource servers, and positions and pages of the revocation feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class FeedPosition(NamedTuple):
    """A position in the revocation feed. Later revocations are at or behind the latest `watermark`."""

    transaction: int
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Revocations in feed order. Before `watermark` the feed is complete: no later commit can add to it."""

    entries: Sequence[tuple[FeedPosition, datetime]]  # with the end of each denial
    watermark: FeedPosition
    timeline: int  # changes with each restart, failover or restored backup: positions of two timelines do not compare


class ResourceServer(NamedTuple):
    """A service that may introspect tokens, identified by its credential."""

    name: str
