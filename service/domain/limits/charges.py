"""What limits are counted in: whose row is charged, what a refusal tells, and what the counters promise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from service.settings import Rate, ThrottleSettings


@dataclass(frozen=True, slots=True)
class Suspect:
    """Whose failures a login attempt may add to; account names are keyed digests."""

    source: str
    account: str
    pair: str  # this account from this source


@dataclass(frozen=True, slots=True)
class Charge:
    """One count in one row: `row` names the limit, `who` whose it is."""

    row: str
    who: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    retry_after: timedelta
    left: int  # of the source's own row
    more_in: timedelta  # until that is one more


@dataclass(frozen=True, slots=True)
class Reservation:
    suspect: Suspect
    charges: tuple[int, ...]  # microseconds per row, to be given back as they were taken


class Verdict(StrEnum):
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    UNJUDGED = "unjudged"


class Counters(Protocol):
    async def take(self, decision: str, charges: Sequence[Charge]) -> LimitExceeded | None:
        """Charge every row, or none when one is full. The first row is the source's own."""

    async def refund(self, decision: str, charge: Charge) -> None:
        """Give one charge back; what has run off meanwhile is not given twice."""

    async def knows(self, suspect: Suspect) -> bool:
        """Whether the source has logged this account in before."""

    async def reserve(self, suspect: Suspect, settings: ThrottleSettings) -> tuple[Reservation | LimitExceeded, bool]:
        """Reserve in all rows, or in none when failures fill one.

        The flag comes once per flood over the global limit.
        """

    async def settle(self, reservation: Reservation, verdict: Verdict, settings: ThrottleSettings) -> None:
        """FAILED keeps the reservation as a failure; the others give it back."""
