"""What the hash queue asks of whatever computes password hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """A password to check against `stored`, or to hash anew when `stored` is None."""

    password: str = field(repr=False)
    stored: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Match:
    """`upgraded` is a hash to keep from now on: the stored one is of an older make, or there was none."""

    same: bool
    upgraded: str | None = field(default=None, repr=False)


class HashEngine(Protocol):
    """Several threads call it at once, so it must let the GIL go while it computes."""

    @property
    def lanes(self) -> int:
        """How many jobs one thread does best to advance together: 1 where more would gain nothing."""

    def verify_many(self, jobs: Sequence[Job]) -> Sequence[Match]:
        """One answer for each of up to `lanes` jobs, in their order. What cannot be computed is not the same."""
