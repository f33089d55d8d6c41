"""Line charts as SVG, one file for a light page and one for a dark: a `<picture>` chooses between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 560, 72, 340  # the edges of the plot; series are named to the right of it
TITLE_SIZE, TEXT_SIZE, LINE_HEIGHT = 16, 12, 18
MARKER = 4  # half of its width
MOST_TICKS = 6
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Theme:
    """Text has a contrast of at least 4.5 to the background, a line of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11)."""

    background: str
    text: str
    grid: str
    lines: tuple[str, ...]


LIGHT = Theme("#ffffff", "#1f2328", "#d1d9e0", ("#0550ae", "#bc4c00", "#1a7f37", "#8250df"))
DARK = Theme("#0d1117", "#e6edf3", "#3d444d", ("#79c0ff", "#ffa657", "#56d364", "#d2a8ff"))
DASHES = ("", "7 4", "2 3", "9 3 2 3")  # colour alone does not tell lines apart for everybody


@dataclass(frozen=True, slots=True)
class Series:
    """Points are x and y. An x may be missing."""

    name: str
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """`unit` follows a number directly: `/s`, or ` ms` with its space."""

    title: str
    x_label: str
    y_label: str
    unit: str
    series: Sequence[Series]

    def __post_init__(self) -> None:
        values = [y for one in self.series for _, y in one.points]
        if not values or not all(one.points for one in self.series):
            raise ValueError(f"{self.title}: a series without points")
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise ValueError(f"{self.title}: {values} are not all numbers from 0 up")
        if len(self.series) > len(DASHES):
            raise ValueError(f"{self.title}: more than {len(DASHES)} lines")

    @property
    def places(self) -> list[int]:
        """Every x, which are spaced evenly: clients double from one to the next."""
        return sorted({x for one in self.series for x, _ in one.points})

    @property
    def ticks(self) -> list[float]:
        """From 0 to at least the largest y, in round steps."""
        highest = max(y for one in self.series for _, y in one.points) or 1.0
        magnitude = 10 ** math.floor(math.log10(highest / (MOST_TICKS - 1)))
        step = next(one * magnitude for one in STEPS if one * magnitude * (MOST_TICKS - 1) >= highest)
        return [step * number for number in range(math.ceil(highest / step) + 1)]

    def x(self, place: int) -> float:
        places = self.places
        return LEFT + (RIGHT - LEFT) * (places.index(place) + 0.5) / len(places)

    def y(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / self.ticks[-1]


def write(chart: Chart, file: Path) -> None:
    """`file`, and `name-dark.svg` beside it."""
    file.write_text(draw(chart, LIGHT), encoding="utf-8")
    file.with_stem(f"{file.stem}-dark").write_text(draw(chart, DARK), encoding="utf-8")


def draw(chart: Chart, theme: Theme) -> str:
    names = {"role": "img", "aria-labelledby": "title desc", "font-family": "system-ui, sans-serif"}
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {HEIGHT}", **names})
    SubElement(svg, "title", id="title").text = chart.title
    SubElement(svg, "desc", id="desc").text = _in_words(chart)
    SubElement(svg, "rect", width=str(WIDTH), height=str(HEIGHT), fill=theme.background)
    _text(svg, theme, chart.title, LEFT, 26, size=TITLE_SIZE)
    _axes(svg, chart, theme)
    for number, one in enumerate(chart.series):
        _line(svg, chart, one, theme.lines[number], DASHES[number])
    for number, height in enumerate(_label_heights(chart)):
        last = chart.series[number].points[-1]
        name = f"{chart.series[number].name} {_spoken(last[1])}{chart.unit}"
        _text(svg, theme, name, RIGHT + 10, height + TEXT_SIZE / 3, colour=theme.lines[number])
    indent(svg)
    return f"{tostring(svg, encoding='unicode')}\n"


def _axes(svg: Element, chart: Chart, theme: Theme) -> None:
    _text(svg, theme, chart.y_label, LEFT, TOP - 18)
    for tick in chart.ticks:
        height = chart.y(tick)
        _stroke(svg, theme.grid if tick else theme.text, (LEFT, height), (RIGHT, height))
        _text(svg, theme, _spoken(tick), LEFT - 8, height + TEXT_SIZE / 3, anchor="end")
    for place in chart.places:
        _stroke(svg, theme.text, (chart.x(place), BOTTOM), (chart.x(place), BOTTOM + 5))
        _text(svg, theme, str(place), chart.x(place), BOTTOM + 20, anchor="middle")
    _text(svg, theme, chart.x_label, (LEFT + RIGHT) / 2, BOTTOM + 44, anchor="middle")


def _line(svg: Element, chart: Chart, series: Series, colour: str, dash: str) -> None:
    dots = [(chart.x(x), chart.y(y)) for x, y in series.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    broken = {"stroke-dasharray": dash} if dash else {}
    SubElement(svg, "polyline", {"points": path, "fill": "none", "stroke": colour, "stroke-width": "2.5", **broken})
    for (place, value), (x, y) in zip(series.points, dots, strict=True):
        dot = SubElement(svg, "circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=str(MARKER), fill=colour)
        SubElement(dot, "title").text = f"{series.name}, {place}: {_spoken(value)}{chart.unit}"


def _label_heights(chart: Chart) -> list[float]:
    """Beside the last point of each series, moved apart where two would overlap."""
    wanted = sorted((chart.y(one.points[-1][1]), number) for number, one in enumerate(chart.series))
    heights: dict[int, float] = {}
    free = float(TOP)
    for position, (height, number) in enumerate(wanted):
        below = len(wanted) - 1 - position
        heights[number] = min(max(height, free), BOTTOM - below * LINE_HEIGHT)
        free = heights[number] + LINE_HEIGHT
    return [heights[number] for number in range(len(wanted))]


def _stroke(svg: Element, colour: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    (x1, y1), (x2, y2) = start, end
    SubElement(svg, "line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke=colour)


def _text(
    svg: Element,
    theme: Theme,
    words: str,
    x: float,
    y: float,
    *,
    size: int = TEXT_SIZE,
    anchor: str = "start",
    colour: str = "",
) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "font-size": str(size), "text-anchor": anchor}
    SubElement(svg, "text", {**place, "fill": colour or theme.text}).text = words


def _in_words(chart: Chart) -> str:
    """The figures themselves, for readers who do not see the lines."""
    lines = [
        f"{one.name}: " + ", ".join(f"{_spoken(y)}{chart.unit} at {x}" for x, y in one.points) for one in chart.series
    ]
    return f"{chart.y_label} by {chart.x_label}. " + ". ".join(lines) + "."


def _spoken(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 or value == int(value) else f"{value:.3g}"
