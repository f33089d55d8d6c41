"""Standard output behind a thread of its own: a reader that stalls must never stall the service."""

import atexit
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from os import write

import structlog

MOST = 4 * 1024 * 1024  # bytes that wait for the reader: some 20 000 lines
GATHER = 0.05  # seconds; lines that come together are written together
PATIENCE = 2.0  # seconds at the end of the process, for a reader that has stalled


def _tell(missing: int) -> None:
    structlog.get_logger("service.logs").warning("log lines dropped", lines=missing)


class Output:
    """A file to write to: what is written waits, bounded, for the thread that hands it on.

    What finds no room is counted and forgotten, and so is what cannot be written at all. When there is room again, one
    line tells how many lines are missing.
    """

    def __init__(self, most: int = MOST, tell: Callable[[int], None] = _tell) -> None:
        self.dropped = 0  # lines, since the process began
        self._most = most
        self._tell = tell
        self._waiting: deque[bytes] = deque()
        self._held = 0  # bytes that wait or are being written
        self._told = 0  # of the dropped lines
        self._change = threading.Condition()
        self._writer: threading.Thread | None = None

    def write(self, text: str | bytes) -> int:
        """Whole lines. Never waits, never raises."""
        data = text.encode(errors="backslashreplace") if isinstance(text, str) else text
        with self._change:
            if self._held + len(data) > self._most:
                self.dropped += _lines(data)
                return len(text)
            self._held += len(data)
            self._waiting.append(data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name="log writer", daemon=True)
                self._writer.start()
                atexit.register(self.settle)
            if len(self._waiting) == 1:
                self._change.notify_all()
        return len(text)

    def flush(self) -> None:
        """What loggers call after each line; the thread sees to it."""

    def settle(self, patience: float = PATIENCE) -> bool:
        """Wait until everything is written, or `patience` seconds; whether it was."""
        with self._change:
            return self._change.wait_for(lambda: not self._held, patience)

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting)
            time.sleep(GATHER)
            with self._change:
                data = b"".join(self._waiting)
                self._waiting.clear()
            is_written = _put(data)
            with self._change:
                self._held -= len(data)
                self.dropped += 0 if is_written else _lines(data)
                missing = self.dropped - self._told if is_written else 0
                self._told += missing
                self._change.notify_all()
            if missing:
                self._tell(missing)


def _lines(data: bytes) -> int:
    return max(data.count(b"\n"), 1)


def _put(data: bytes) -> bool:
    """Write to whatever standard output is at the moment; False when it is closed, or nobody reads it any more.

    Past Python's own buffer: its lock, held by a thread that waits for the reader, would stop the end of the process.
    """
    try:
        try:
            descriptor = sys.stdout.fileno()
        except (OSError, ValueError):  # redirected in Python
            sys.stdout.write(data.decode(errors="replace"))
            return True
        left = memoryview(data)
        while left:
            try:
                left = left[write(descriptor, left) :]
            except BlockingIOError:
                select.select([], [descriptor], [])
    except (OSError, ValueError):
        return False
    return True


OUTPUT = Output()  # the process has one standard output
