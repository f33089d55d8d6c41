"""The charts of the benchmark: readable by eyes, by screen readers and on both kinds of page."""

import math
from itertools import combinations
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.load.charts import (
    BOTTOM,
    DARK,
    DASHES,
    HEIGHT,
    LEFT,
    LIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Chart,
    Series,
    Theme,
    draw,
    write,
)
from tests.load.rows import engines

SVG = "{http://www.w3.org/2000/svg}"
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
WIDEST = 0.62  # of a letter, in font sizes, on average
AA_TEXT, AA_GRAPHICS = 4.5, 3.0  # WCAG 2.2


def chart(*series: Series, unit: str = "/s", title: str = "Logins per second, two engines") -> Chart:
    return Chart(title, "clients that log in at once", "logins per second", unit, series)


def line(name: str, *values: float) -> Series:
    return Series(name, list(zip(CLIENTS, values, strict=False)))


PLAUSIBLE = {
    "engines far apart": chart(
        line("lanes", 4.2, 7.9, 15.1, 24.8, 25.6, 25.9, 25.4), line("wheel", 3.9, 7.6, 7.7, 7.5, 7.7, 7.4, 7.5)
    ),
    "engines alike": chart(
        line("lanes", 4, 7.5, 7.5, 7.5, 7.5, 7.5, 7.5), line("wheel", 4, 7.5, 7.5, 7.5, 7.5, 7.5, 7.5)
    ),
    "one engine": chart(line("wheel", 3.9, 7.6, 7.7, 7.5, 7.7, 7.4, 7.5)),
    "one point": chart(Series("wheel", [(1, 3.9)])),
    "the last points at the bottom": chart(line("p50", 900, 0, 0), line("p99", 950, 0, 0), unit=" ms"),
    "the last points at the top": chart(line("p50", 1, 1000), line("p99", 1, 1000), unit=" ms"),
    "nothing but noughts": chart(line("p50", 0, 0)),
    "small": chart(line("p50", 0.02, 0.031), line("p99", 0.05, 0.093), unit=" ms"),
    "large": chart(line("p50", 12_345, 20_000), line("p99", 98_765, 76_543), unit=" ms"),
    "gaps": chart(Series("lanes", [(1, 4.0), (64, 25.0)]), Series("wheel", [(2, 7.0), (16, 7.5)])),
    "as many lines as there can be": chart(*(line(f"line {number}", 5, 5.1) for number in range(len(DASHES)))),
}
each = pytest.mark.parametrize("shown", PLAUSIBLE.values(), ids=PLAUSIBLE.keys())
themes = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def drawn(shown: Chart, theme: Theme) -> Element:
    return fromstring(draw(shown, theme))  # noqa: S314 - it is this program's own


class Box(NamedTuple):
    words: str
    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: "Box") -> bool:
        apart = (
            self.right <= other.left or other.right <= self.left or self.bottom <= other.top or other.bottom <= self.top
        )
        return not apart


def box(text: Element) -> Box:
    size, x, y = (float(text.attrib[name]) for name in ("font-size", "x", "y"))
    width = WIDEST * size * len(text.text or "")
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[text.attrib["text-anchor"]]
    return Box(text.text or "", left, y - 0.8 * size, left + width, y + 0.25 * size)


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of relative luminances."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@each
def test_no_text_overlaps_another_or_leaves_the_picture(shown: Chart) -> None:
    boxes = [box(text) for text in drawn(shown, LIGHT).iter(f"{SVG}text")]
    assert [(one.words, other.words) for one, other in combinations(boxes, 2) if one.touches(other)] == []
    assert [one for one in boxes if one.left < 0 or one.top < 0 or one.right > WIDTH or one.bottom > HEIGHT] == []


@each
def test_no_text_lies_on_the_lines_and_each_name_is_beside_them(shown: Chart) -> None:
    boxes = [box(text) for text in drawn(shown, LIGHT).iter(f"{SVG}text")]
    plot = Box("", LEFT, TOP, RIGHT, BOTTOM)
    assert [one.words for one in boxes if one.touches(plot)] == []
    names = [one for one in boxes if one.left > RIGHT]
    assert len(names) == len(shown.series)
    assert all((one.top + one.bottom) / 2 + 1 >= TOP and (one.top + one.bottom) / 2 - 1 <= BOTTOM for one in names)


@each
def test_axes_hold_every_point_where_its_numbers_say(shown: Chart) -> None:
    svg = drawn(shown, LIGHT)
    texts = {text.text: box(text) for text in svg.iter(f"{SVG}text")}
    grid = [[float(one.attrib[name]) for name in ("x1", "y1", "x2", "y2")] for one in svg.iter(f"{SVG}line")]
    left, right = min(one[0] for one in grid), max(one[2] for one in grid)
    top, bottom = min(one[1] for one in grid), max(y1 for _, y1, _, y2 in grid if y1 == y2)
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in svg.iter(f"{SVG}circle")]
    points = [point for one in shown.series for point in one.points]
    assert len(dots) == len(points)
    for (x, y), (place, value) in zip(dots, points, strict=True):
        assert left < x < right
        assert top - 0.1 <= y <= bottom
        label = texts[str(place)]
        assert math.isclose(x, (label.left + label.right) / 2, abs_tol=0.2)
        assert math.isclose((bottom - y) / (bottom - top), value / shown.ticks[-1], abs_tol=0.002)
    assert shown.ticks[0] == 0
    assert 2 <= len(shown.ticks) <= 6


@each
def test_the_figures_are_there_in_words(shown: Chart) -> None:
    svg = drawn(shown, LIGHT)
    named = {one.attrib["id"]: one.text or "" for one in svg if "id" in one.attrib}
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-labelledby"].split() == ["title", "desc"]
    assert named["title"] == shown.title
    for series in shown.series:
        assert f"{series.name}: " in named["desc"]
        assert all(f" at {place}" in named["desc"] for place, _ in series.points)
    assert all(dot.findtext(f"{SVG}title") for dot in svg.iter(f"{SVG}circle"))


def test_a_name_that_looks_like_markup_is_text() -> None:
    shown = chart(line('<b> & "wheel"', 1, 2), title="p99 < 10 ms & more")
    svg = drawn(shown, LIGHT)
    assert svg.findtext(f"{SVG}title") == shown.title
    assert any((text.text or "").startswith('<b> & "wheel"') for text in svg.iter(f"{SVG}text"))


@themes
def test_the_contrast_is_enough_on_both_pages(theme: Theme) -> None:
    svg = drawn(PLAUSIBLE["as many lines as there can be"], theme)
    background = next(svg.iter(f"{SVG}rect")).attrib["fill"]
    texts = {text.attrib["fill"] for text in svg.iter(f"{SVG}text")}
    lines = {one.attrib["stroke"] for one in svg.iter(f"{SVG}polyline")}
    assert len(lines) == len(DASHES)
    assert {colour for colour in texts if contrast(colour, background) < AA_TEXT} == set()
    assert {colour for colour in lines if contrast(colour, background) < AA_GRAPHICS} == set()


def test_lines_differ_in_more_than_their_colour() -> None:
    svg = drawn(PLAUSIBLE["as many lines as there can be"], LIGHT)
    dashes = [one.attrib.get("stroke-dasharray") for one in svg.iter(f"{SVG}polyline")]
    assert len(set(dashes)) == len(dashes)


def test_a_file_for_each_kind_of_page(tmp_path: Path) -> None:
    write(PLAUSIBLE["one engine"], tmp_path / "logins.svg")
    light, dark = ((tmp_path / name).read_text(encoding="utf-8") for name in ("logins.svg", "logins-dark.svg"))
    assert LIGHT.background in light
    assert DARK.background in dark
    assert light.count("<circle") == dark.count("<circle") == len(CLIENTS)


def test_the_benchmark_draws_medians_of_its_rounds() -> None:
    rates = {"lanes": {1: [4.0, 5.0, 4.5], 64: [20.0, 30.0, 25.0]}, "wheel": {1: [4.0], 64: [7.0, 8.0]}}
    assert [(one.name, one.points) for one in engines.logins_chart(rates).series] == [
        ("lanes", [(1, 4.5), (64, 25.0)]),
        ("wheel", [(1, 4.0), (64, 7.5)]),
    ]
    shares = {"p50": {1: [2.0], 64: [3.0]}, "p99": {1: [5.0], 64: [11.0, 9.0]}}
    words = drawn(engines.me_chart(shares), LIGHT).findtext(f"{SVG}desc") or ""
    assert "p50: 2 ms at 1, 3 ms at 64. p99: 5 ms at 1, 10 ms at 64." in words


@pytest.mark.parametrize("value", [math.inf, math.nan, -1.0])
def test_what_is_no_number_from_0_up_is_not_drawn(value: float) -> None:
    with pytest.raises(ValueError, match="not all numbers from 0 up"):
        chart(line("p99", 1, value))


def test_a_chart_needs_points_and_has_no_more_lines_than_it_can_tell_apart() -> None:
    for empty in ((), (line("wheel", 1), Series("lanes", []))):
        with pytest.raises(ValueError, match="without points"):
            chart(*empty)
    with pytest.raises(ValueError, match="more than 4 lines"):
        chart(*(line(f"{number}", 1) for number in range(5)))
