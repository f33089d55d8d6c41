"""The log line of each request: formatted by hand and written in batches, because it is on the hottest path."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import NamedTuple

import structlog

from service.ambient import Ambient
from service.errors import OverloadedError

EVERY = 0.1  # seconds between two writes
SUMMARY_EVERY = 5.0  # seconds of an overload that one line is about
MOST = 1000  # lines that wait; a burst beyond it is written at once
# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may append fields after the flags
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

_trace: ContextVar[str] = ContextVar("trace", default="")


def note_trace(traceparent: str) -> None:
    """Add the caller's trace id to every later line of this task, if `traceparent` is valid."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    _trace.set(match[1] if match else "")


def noted_trace() -> str:
    """32 hexadecimal digits, or empty."""
    return _trace.get()


PROBES = frozenset({"/healthz", "/readyz"})
BAD = 400  # the first status that is a refusal


class Refusal(NamedTuple):
    """Why a request was refused: `code` is in the response, the rest is for the log alone."""

    code: str
    reason: str = ""
    user_id: str = ""
    session_id: str = ""
    source: str = ""  # /24 or /48
    error: str = ""  # its name in the protocol of the call, where that has names besides the codes

    @property
    def facts(self) -> dict[str, str]:
        return {name: value for name, value in self._asdict().items() if value}


class RequestRecord(NamedTuple):
    """Contains no free text: a known method, a route's template, numbers, ids of checked shapes, our own words."""

    request_id: str
    method: str
    route: str
    status: int
    milliseconds: float
    refusal: Refusal | None = None
    held_back: int = 0  # suppressed lines of this kind since the last one written


class OverloadSummary:
    """Counts the refusals of an overload, and tells their number every few seconds in place of a line for each."""

    def __init__(self) -> None:
        self._refused: Counter[tuple[str, str]] = Counter()  # by route and source
        self._timer: asyncio.TimerHandle | None = None

    def add(self, route: str, source: str) -> None:
        if self._timer is None:
            context = Context()  # the line must not carry the id of a request
            self._timer = asyncio.get_running_loop().call_later(SUMMARY_EVERY, self.flush, context=context)
        self._refused[route, source] += 1

    def flush(self) -> None:
        """Write the line, unless there is nothing to tell."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer, refused, self._refused = None, self._refused, Counter()
        routes, sources = Counter[str](), Counter[str]()
        for (route, source), count in refused.items():
            routes[route] += count
            sources[source] += count
        [(most_from, of_it)] = sources.most_common(1)
        structlog.get_logger("service.request").warning(
            "requests refused",
            code=OverloadedError.code,
            refused=refused.total(),
            routes=dict(routes),
            sources=len(sources),
            source=most_from,
            of_source=of_it,
        )


class Sampled:
    """Samples request lines: drops those of probes that succeed, and limits the others to `per_second`.

    A kind of line (route, status and reason) gets a quarter of that, so that no flood of one kind hides the others.
    Refusals of an overload are only counted, see OverloadSummary.
    """

    def __init__(
        self, write: Callable[[RequestRecord], object], ambient: Ambient, *, per_second: int, probes: bool = False
    ) -> None:
        self.write = write
        self._ambient = ambient
        self._most = per_second
        self._most_of_a_kind = -(-per_second // 4)
        self._probes = probes
        self._second = -1
        self._seen: Counter[tuple[str, int, str]] = Counter()
        self._total = 0
        self._held_back: Counter[tuple[str, int, str]] = Counter()
        self._overload = OverloadSummary()

    def __call__(self, line: RequestRecord) -> None:
        if line.refusal and line.refusal.code == OverloadedError.code:
            self._overload.add(line.route, line.refusal.source)
            return
        if line.route in PROBES and line.status < BAD and not self._probes:
            return
        second = int(self._ambient.monotonic())
        if second != self._second:
            self._second, self._total = second, 0
            self._seen.clear()
        kind = line.route, line.status, line.refusal.reason if line.refusal else ""
        if self._total >= self._most or self._seen[kind] >= self._most_of_a_kind:
            self._held_back[kind] += 1
            return
        self._total += 1
        self._seen[kind] += 1
        held_back = self._held_back.pop(kind, 0)
        self.write(line._replace(held_back=held_back) if held_back else line)

    def flush(self) -> None:
        self._overload.flush()
        if isinstance(self.write, RequestLog):
            self.write.flush()


class RequestLog:
    """Writes JSON lines with the same fields as structlog's lines; `log(line)` costs a few microseconds.

    structlog itself takes about thirty, a fifth of the total cost of an authenticated request.
    """

    def __init__(self, write: Callable[[bytes], object], ambient: Ambient) -> None:
        self._write = write
        self._ambient = ambient
        self._lines: list[tuple[RequestRecord, str]] = []  # each with its trace id
        self._time = ""  # of the first line; the others came within EVERY seconds

    def __call__(self, line: RequestRecord) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(EVERY, self.flush)
            self._time = self._ambient.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.append((line, noted_trace()))
        if len(self._lines) > MOST:
            self.flush()

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        self._write("".join([_json(line, trace_id, self._time) for line, trace_id in lines]).encode())


def _json(line: RequestRecord, trace_id: str, time: str) -> str:
    trace = f',"trace_id":"{trace_id}"' if trace_id else ""
    more = "".join([f',"{name}":"{value}"' for name, value in line.refusal.facts.items()]) if line.refusal else ""
    if line.held_back:
        more += f',"held_back":{line.held_back}'
    return (
        f'{{"event":"request","level":"info","method":"{line.method}","route":"{line.route}","status":{line.status},'
        f'"ms":{line.milliseconds:.1f}{more},"request_id":"{line.request_id}"{trace},"time":"{time}"}}\n'
    )


def print_request(line: RequestRecord) -> None:
    """The same line through structlog, for the console and for tests."""
    structlog.get_logger("service.request").info(
        "request",
        method=line.method,
        route=line.route,
        status=line.status,
        ms=round(line.milliseconds, 1),
        **(line.refusal.facts if line.refusal else {}),
        **({"held_back": line.held_back} if line.held_back else {}),
        request_id=line.request_id,
    )
