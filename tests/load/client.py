"""A lean load generator: hand-written HTTP/1.1 on keep-alive connections, because it shares the cores with the server.

A closed loop has so many clients that each wait for their answer; an open loop sends at fixed times whatever happens,
and counts from the time a request was due, so that a server that stalls cannot hide it. Times are in seconds.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter, process_time
from typing import Any, NamedTuple

LOOPBACK = "127.0.0.1"
HEAD_END = b"\r\n\r\n"
LENGTH = b"Content-Length: "
RETRY_AFTER = b"Retry-After: "
CHUNKED = b"transfer-encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"
BUSY = (429, 503)


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes

    def json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def retry_after(self) -> int:
        return _number(self.head, RETRY_AFTER)


class Seen(NamedTuple):
    """One answer of a load: when it came, how long it took."""

    at: float
    seconds: float


@dataclass(slots=True)
class Load:
    """What a load saw after its warm-up, by status, and how much of one core the generator itself took."""

    seen: dict[int, list[Seen]] = field(default_factory=dict)
    generator: float = 0.0

    @property
    def answers(self) -> int:
        return sum(map(len, self.seen.values()))

    def count(self, status: int) -> int:
        return len(self.seen.get(status, ()))

    def rate(self, status: int = 200) -> float:
        """Answers per second from the first to the last: no part of an answer at either edge is lost or counted."""
        seen = self.seen.get(status, [])
        if len(seen) < 2 or seen[-1].at == seen[0].at:
            return 0.0
        return (len(seen) - 1) / (seen[-1].at - seen[0].at)

    def times(self, *statuses: int) -> list[float]:
        return [one.seconds for status in statuses for one in self.seen.get(status, ())]


class Patience(Enum):
    """What a client does when it is refused."""

    HONOURS = "waits as long as Retry-After says"
    IGNORES = "pauses as long as the load says"


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._then: Callable[[Answer], None] | None = None
        self._heard = b""
        self._needed = 0

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, LOOPBACK, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, then: Callable[[Answer], None]) -> None:
        assert self._transport is not None
        self._then = then
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard = heard = self._heard + data if self._heard else data
        if len(heard) < self._needed:
            return
        end = heard.find(HEAD_END)
        if end < 0:
            return
        head = heard[: end + 2]
        body = heard[end + 4 :]
        if LENGTH not in head and CHUNKED in head.lower():
            if not body.endswith(LAST_CHUNK):
                return
            body = _joined(body)
        else:
            self._needed = end + 4 + _number(head, LENGTH)
            if len(heard) < self._needed:
                return
        answer = Answer(int(heard[9:12]), head, body)
        self._heard, self._needed = b"", 0
        then, self._then = self._then, None
        if then is not None:
            then(answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        then, self._then = self._then, None
        if then is not None:  # whoever waits hears of it: status 0 is no answer
            then(Answer(0, b"", b""))

    def drop(self) -> None:
        """Hang up, without waiting for an answer that may be under way."""
        self._then = None
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, request: bytes) -> Answer:
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def heard(answer: Answer) -> None:
            if not done.done():
                done.set_result(answer)

        self.send(request, heard)
        return await done


def request(method: str, path: str, body: Mapping[str, str] | None = None, **headers: str) -> bytes:
    """The bytes of a request. A header is named in Python's spelling: x_forwarded_for."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join((*lines, "", "")).encode() + content


async def once(port: int, said: bytes) -> Answer:
    connection = await Connection.open(port)
    try:
        return await connection.ask(said)
    finally:
        connection.drop()


async def closed_loop(
    port: int,
    requests: Sequence[bytes],
    seconds: float,
    *,
    warm_up: float = 0.5,
    patience: Patience = Patience.HONOURS,
    pause: float = 0.0,
) -> Load:
    """One client for each of `requests`, which it sends again and again; one that ignores a refusal pauses before it."""
    load, loop = Load(), asyncio.get_running_loop()
    connections = [await Connection.open(port) for _ in requests]
    counts_from = perf_counter() + warm_up
    open_until = counts_from + seconds

    def go_on(connection: Connection, said: bytes) -> None:
        sent = perf_counter()

        def heard(answer: Answer) -> None:
            now = perf_counter()
            if counts_from <= now < open_until:
                load.seen.setdefault(answer.status, []).append(Seen(now, now - sent))
            if not answer.status or now >= open_until:
                return
            wait = 0.0
            if answer.status in BUSY:
                wait = answer.retry_after if patience is Patience.HONOURS else pause
            if wait:
                loop.call_later(wait, go_on, connection, said)
            else:
                go_on(connection, said)

        connection.send(said, heard)

    for connection, said in zip(connections, requests, strict=True):
        go_on(connection, said)
    await asyncio.sleep(warm_up)
    spent, started = process_time(), perf_counter()
    await asyncio.sleep(seconds)
    load.generator = (process_time() - spent) / (perf_counter() - started)
    for connection in connections:
        connection.drop()
    return load


async def open_loop(port: int, requests: Sequence[bytes], per_second: float, seconds: float) -> Load:
    """Send the requests in turn at a fixed rate, on as many connections as it takes."""
    load = Load()
    idle = deque([await Connection.open(port) for _ in range(16)])
    everyone = list(idle)
    late: deque[tuple[bytes, float]] = deque()
    start = perf_counter()

    def send(said: bytes, due: float) -> None:
        if not idle:
            late.append((said, due))
            return
        connection = idle.popleft()

        def heard(answer: Answer) -> None:
            now = perf_counter()
            load.seen.setdefault(answer.status, []).append(Seen(now, now - due))
            idle.append(connection)
            if late:
                send(*late.popleft())

        connection.send(said, heard)

    for number in range(int(per_second * seconds)):
        due = start + number / per_second
        if (wait := due - perf_counter()) > 0:
            await asyncio.sleep(wait)
        send(requests[number % len(requests)], due)
    for _ in range(500):
        if len(idle) == len(everyone):
            break
        await asyncio.sleep(0.01)
    load.seen.setdefault(0, []).extend(Seen(perf_counter(), perf_counter() - due) for _, due in late)
    for connection in everyone:
        connection.drop()
    return load


def _joined(chunked: bytes) -> bytes:
    """A whole body of RFC 9112, 7.1, without its chunk sizes."""
    body = b""
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size, 16)
        body, chunked = body + rest[:length], rest[length + 2 :]
    return body


def _number(head: bytes, name: bytes) -> int:
    """The field as this service spells it, or in lower case, as others do."""
    start = head.find(name)
    if start < 0 and (start := head.find(name.lower())) < 0:
        return 0
    start += len(name)
    return int(head[start : head.find(b"\r\n", start)])
