"""Small charts as numbers for a template, which draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HEIGHT, STEP, BAR = 64, 15, 11  # units of the drawing


class Bar(NamedTuple):
    x: int
    y: int
    height: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    total: int
    most: int  # of one bar
    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        return STEP * len(self.bars)


def bars(name: str, values: Sequence[tuple[str, int]]) -> Chart:
    """From zero to the largest. What is not nothing can be seen."""
    most = max((value for _, value in values), default=0)
    heights = [max(round(HEIGHT * value / most), 1) if value else 0 for _, value in values]
    drawn = [
        Bar(number * STEP, HEIGHT - height, height, f"{label}: {value}")
        for number, ((label, value), height) in enumerate(zip(values, heights, strict=True))
    ]
    return Chart(name, sum(value for _, value in values), most, drawn)
