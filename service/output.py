"""Standard output through its own thread: a stalled reader must never block the service."""

import atexit
import json
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from os import write

from service.ambient import Ambient

MOST = 4 * 1024 * 1024  # bytes that wait for the reader: about 20 000 lines
GATHER = 0.05  # seconds; lines that come together are written together
DROPPED = "log lines dropped"
PATIENCE = 2.0  # seconds to wait for a stalled reader at process exit


def notice(missing: int) -> bytes:
    """A JSON line with the number of missing lines."""
    time = Ambient().now().isoformat().replace("+00:00", "Z")
    return json.dumps({"event": DROPPED, "level": "warning", "lines": missing, "time": time}).encode() + b"\n"


class Output:
    """A file object with a bounded buffer, which a thread writes to standard output.

    Lines that do not fit in or cannot be written are dropped and counted. As soon as there is a reader again, a notice
    reports how many lines are missing. The thread writes the notice itself: it takes no room in the buffer, has no
    level and is not sampled, and its lines count as reported only once it is written.
    """

    def __init__(self, most: int = MOST, compose: Callable[[int], bytes] = notice) -> None:
        self.dropped = 0  # lines, since the process began
        self.compose = compose  # the notice, from the number of missing lines
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._held = 0  # bytes that wait or are being written
        self._reported = 0  # dropped lines that notices have reported
        self._is_broken = False  # the last write failed: a notice would fail too
        self._change = threading.Condition()
        self._writer: threading.Thread | None = None

    def write(self, text: str | bytes) -> int:
        """Takes whole lines. Never blocks, never raises."""
        data = text.encode(errors="backslashreplace") if isinstance(text, str) else text
        with self._change:
            if self._held + len(data) > self._most:
                self.dropped += _lines(data)
            else:
                self._held += len(data)
                self._waiting.append(data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name="log writer", daemon=True)
                self._writer.start()
                atexit.register(self.settle)
            self._change.notify_all()
        return len(text)

    def flush(self) -> None:
        """Loggers call this after each line; the thread does the flushing."""

    def settle(self, patience: float = PATIENCE) -> bool:
        """Wait at most `patience` seconds until everything is written; whether it was."""
        with self._change:
            return self._change.wait_for(lambda: not self._held and not self._has_work(), patience)

    def _has_work(self) -> bool:
        return bool(self._waiting) or (self.dropped > self._reported and not self._is_broken)

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(self._has_work)
            time.sleep(GATHER)
            with self._change:
                data = b"".join(self._waiting)
                self._waiting.clear()
            is_written = _put(data)
            with self._change:
                self._held -= len(data)
                self.dropped += 0 if is_written else _lines(data)
                missing = self.dropped - self._reported
            is_told = is_written and (not missing or _put(self.compose(missing)))
            with self._change:
                self._is_broken = not is_told
                self._reported += missing if is_told else 0
                self._change.notify_all()


def _lines(data: bytes) -> int:
    return max(data.count(b"\n"), 1)


def _put(data: bytes) -> bool:
    """Write to the current standard output; False when it is closed or has no reader any more.

    Bypasses Python's own buffer: its lock, held by a thread that waits for the reader, would block process exit.
    """
    try:
        if sys.stdout is None:  # closed before Python began
            return False
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
