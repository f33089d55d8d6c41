"""How a command says how far it is."""

import io

from service.commands.progress import IDS, Progress
from tests.support.builders import FakeAmbient


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_is_drawn_over_and_goes_away(ambient: FakeAmbient) -> None:
    stream = Terminal()
    progress = Progress("import", 200, ambient, stream)
    progress.at(0)
    assert stream.getvalue() == ""
    ambient.advance(seconds=1)
    progress.at(50)
    ambient.advance(seconds=0.1)
    progress.at(60)  # too soon
    ambient.advance(seconds=1)
    progress.at(500)
    first, second = stream.getvalue().split("\r")[1:]
    assert first == "import [#######                       ] 25 %"
    assert second == "import [##############################] 100 %"
    progress.clear()
    assert stream.getvalue().endswith("\r" + " " * len(second) + "\r")
    length = len(stream.getvalue())
    progress.clear()
    assert len(stream.getvalue()) == length


def test_elsewhere_there_is_a_line_a_minute(ambient: FakeAmbient) -> None:
    stream = io.StringIO()
    progress = Progress("export", 0, ambient, stream)
    for number in range(150):
        ambient.advance(seconds=1)
        progress.at(1_000 * number)
    progress.clear()
    assert stream.getvalue() == "tokenhouse: export: 59,000\ntokenhouse: export: 119,000\n"


def test_what_ends_at_once_says_nothing(ambient: FakeAmbient) -> None:
    for stream in (io.StringIO(), Terminal()):
        progress = Progress("export", 10, ambient, stream)
        progress.at(10)
        progress.clear()
        assert stream.getvalue() == ""


def test_what_is_worked_through_may_change(ambient: FakeAmbient) -> None:
    stream = Terminal()
    progress = Progress("rotate", IDS, ambient, stream)
    ambient.advance(seconds=1)
    progress.at(IDS // 2, "rotate: API keys")
    ambient.advance(seconds=1)
    progress.at(IDS // 4, "rotate: verifiers")
    assert stream.getvalue().split("\r")[1:] == [
        f"rotate: API keys [{'#' * 15}{' ' * 15}] 50 %",
        f"rotate: verifiers [{'#' * 7}{' ' * 23}] 25 %",
    ]
