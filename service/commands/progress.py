"""How far a command has got that works through many rows: a bar on a terminal, a line a minute elsewhere."""

import sys
from typing import TextIO

from service.ambient import Ambient

OFTEN = 0.2  # seconds between two drawings of the bar
SELDOM = 60.0  # seconds between two lines
WIDTH = 30  # characters
IDS = 1 << 128  # the total of what goes by random ids in their order, which are even over all


class Progress:
    """On standard error, so that results can be piped. Nothing is written for what ends at once."""

    def __init__(self, what: str, total: int | None, ambient: Ambient, stream: TextIO | None = None) -> None:
        """`total` may be an estimate; without one, what is done is counted."""
        self._what = what
        self._total = total
        self._ambient = ambient
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._shown_at = ambient.monotonic()
        self._drawn = 0  # characters of the bar that stands there

    def at(self, done: int, what: str | None = None) -> None:
        """`what`: from now on."""
        self._what = what or self._what
        now = self._ambient.monotonic()
        if now - self._shown_at < (OFTEN if self._is_terminal else SELDOM):
            return
        self._shown_at = now
        if self._is_terminal:
            self._draw(f"{self._what} {self._bar(done)}")
        else:
            self._stream.write(f"tokenhouse: {self._what}: {self._said(done)}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Before anything else is written, and at the end."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0

    def _draw(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._drawn))
        self._drawn = max(self._drawn, len(text))

    def _bar(self, done: int) -> str:
        if not self._total:
            return self._said(done)
        full = WIDTH * min(done, self._total) // self._total
        return f"[{'#' * full}{' ' * (WIDTH - full)}] {self._said(done)}"

    def _said(self, done: int) -> str:
        return f"{100 * min(done, self._total) // self._total} %" if self._total else f"{done:,}"
