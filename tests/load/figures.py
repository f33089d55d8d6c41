"""What was measured, set against its bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Verdict(StrEnum):
    TARGET = "reaches the target"
    HOLDS = "holds"
    MISSED = "**missed**"
    NO_BAR = "-"
    ABSENT = "not there yet"


class Bar(StrEnum):
    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`values` has one figure for each round. The bar is held by their median."""

    name: str
    values: Sequence[float]
    unit: str = ""
    side: Bar = Bar.AT_LEAST
    bar: float | None = None
    target: float | None = None
    note: str = ""
    is_yardstick: bool = False  # a raw limit, which a row with a bar refers to

    @property
    def verdict(self) -> Verdict:
        if not self.values:
            return Verdict.ABSENT
        if self.bar is None:
            return Verdict.NO_BAR
        if not self._reaches(self.bar):
            return Verdict.MISSED
        return Verdict.TARGET if self.target is not None and self._reaches(self.target) else Verdict.HOLDS

    def cells(self) -> list[str]:
        low, middle, high = (min(self.values), median(self.values), max(self.values)) if self.values else (None,) * 3
        return [
            self.name,
            *(self._spoken(value) for value in (low, middle, high)),
            self._required(self.bar),
            self._required(self.target),
            self.verdict,
            self.note,
        ]

    def _reaches(self, wanted: float) -> bool:
        middle = median(self.values)
        return middle >= wanted if self.side is Bar.AT_LEAST else middle <= wanted

    def _required(self, wanted: float | None) -> str:
        return "" if wanted is None else f"{self.side} {self._spoken(wanted)}"

    def _spoken(self, value: float | None) -> str:
        if value is None:
            return "-"
        if value >= 1000:
            return f"{value:,.0f}{self.unit}".replace(",", " ")
        text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
        return f"{text}{self.unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank; infinity when there is nothing to rank."""
    if not values:
        return math.inf
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rate_since(start: float, ends: Sequence[float]) -> float:
    """Ends per second of work that began at `start` on an idle server, up to the last end. This counts those right that
    come in groups, as those of a thread pool do; a window that opens later would count part of a group too many or too few.
    """
    return ratio(len(ends), ends[-1] - start) if ends else 0.0


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def ms(seconds: float) -> float:
    return seconds * 1000
