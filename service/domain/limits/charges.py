"""Values of the rate limits: charges, refusals and reservations, and the interface of the counters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from service.settings import Rate, ThrottleSettings


@dataclass(frozen=True, slots=True)
class Suspect:
    """The rows that a failed login attempt counts against; account names are keyed digests."""

    source: str
    account: str
    pair: str  # this account from this source


@dataclass(frozen=True, slots=True)
class Charge:
    """One count in one row: `row` names the limit, `who` its owner."""

    row: str
    who: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    retry_after: timedelta
    left: int  # of the source's own row
    more_in: timedelta  # until `left` grows by one


@dataclass(frozen=True, slots=True)
class Reservation:
    suspect: Suspect
    charges: tuple[int, ...]  # microseconds per row, refunded exactly as taken


class Verdict(StrEnum):
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    UNJUDGED = "unjudged"


class Counters(Protocol):
    async def take(self, decision: str, charges: Sequence[Charge]) -> LimitExceeded | None:
        """Charge every row, or none when one is full. The first row is the source's own."""

    async def refund(self, decision: str, charge: Charge) -> None:
        """Refund one charge; the part that has expired meanwhile is not refunded again."""

    async def knows(self, suspect: Suspect) -> bool:
        """Whether this account has logged in from this source before."""

    async def reserve(self, suspect: Suspect, settings: ThrottleSettings) -> tuple[Reservation | LimitExceeded, bool]:
        """Reserve in all rows, or in none when one is full of failures.

        The flag is set once per flood over the global limit.
        """

    async def settle(self, reservation: Reservation, verdict: Verdict, settings: ThrottleSettings) -> None:
        """FAILED keeps the reservation as a failure; the other verdicts refund it."""
