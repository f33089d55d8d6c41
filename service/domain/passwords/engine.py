"""The interface of password hash engines, as the hash queue uses it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """A password to check against `stored`, or to hash when `stored` is None."""

    password: str = field(repr=False)
    stored: str | None = field(repr=False)
    besides: Callable[[], None] | None = field(default=None, repr=False)  # done as well, once the password is right


@dataclass(frozen=True, slots=True)
class Match:
    """`upgraded` is a hash to store: the old one has an outdated scheme or cost, or there was none."""

    same: bool
    upgraded: str | None = field(default=None, repr=False)


class HashEngine(Protocol):
    """Several threads call it at once, so it must release the GIL while it computes."""

    @property
    def name(self) -> str:
        """As operators know it."""

    @property
    def threads_per_core(self) -> int:
        """How many threads keep one core busy."""

    def verify(self, job: Job) -> Match:
        """A job that cannot be computed does not match."""
