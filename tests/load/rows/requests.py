"""Authenticated requests against a bare hello, refreshes against bare signatures. Each contender has the same core."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from tests.load.client import Load, closed_loop, once, request
from tests.load.figures import Row, ms, percentile, ratio
from tests.load.limits import Signatures, cores
from tests.load.plan import Plan
from tests.load.stage import Instance

CLIENTS = 64
NOT_FOUND = 404


@contextmanager
def _apart(*servers: Instance) -> Iterator[None]:
    """The servers on the first core, the generator on the last; Postgres and Redis where they like."""
    everywhere = cores()
    for server in servers:
        server.pin(everywhere[:1])
    os.sched_setaffinity(0, everywhere[-1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)
        for server in servers:
            server.pin(everywhere)


async def against_hello(service: Instance, hello: Instance, plan: Plan, bearer: Sequence[str]) -> list[Row]:
    """`me` and `verify`, with hello between them."""
    calls = {name: [request("GET", f"/auth/{name}", authorization=token) for token in bearer] for name in ("me", "verify")}
    if (await once(service.port, calls["verify"][0])).status == NOT_FOUND:
        del calls["verify"]
    raw: list[Load] = []
    loads: dict[str, list[Load]] = {"me": [], "verify": []}
    with _apart(service, hello):
        for _ in range(plan.rounds):
            raw.append(await closed_loop(hello.port, [request("GET", "/hello")] * CLIENTS, plan.seconds(3)))
            for name, asked in calls.items():
                load = await closed_loop(service.port, asked, plan.seconds(3))
                _only_success(load)
                loads[name].append(load)
    return [
        Row(name="bare hello/s, 64 clients", values=[load.rate() for load in raw], note=_generator(raw)),
        _to_hello("`verify` (idToken) at 64 clients to bare hello on the same core", loads["verify"], raw, (0.5, 0.66)),
        _to_hello("`me` (with the user row) at 64 clients to bare hello", loads["me"], raw, (0.3, 0.5)),
    ]


async def refreshes(service: Instance, plan: Plan, refresh_tokens: Sequence[str]) -> list[Row]:
    asked = [request("POST", "/auth/refresh", {"refreshToken": token}) for token in refresh_tokens]
    signatures = Signatures()
    raw: list[float] = []
    loads: list[Load] = []
    everywhere = cores()
    for _ in range(plan.rounds):
        os.sched_setaffinity(0, everywhere[:1])
        raw.append(signatures.rate(plan.seconds(2)))
        os.sched_setaffinity(0, everywhere)
        with _apart(service):
            loads.append(await closed_loop(service.port, asked, plan.seconds(4)))
        _only_success(loads[-1])
    values = [ratio(load.rate(), rate / 2) for load, rate in zip(loads, raw, strict=True)]
    return [
        Row(name="RS256 signatures/s, one core", values=raw, note="2048 bits, joserfc"),
        Row(
            name="refresh/s at 64 clients, RS256, to raw signatures/s ÷ 2", values=values, bar=0.6, target=0.75,
            note=_rate_and_tail(loads),
        ),
    ]  # fmt: skip


def _to_hello(name: str, loads: list[Load], raw: list[Load], required: tuple[float, float]) -> Row:
    if not loads:
        return Row(name=name, values=[], bar=required[0], target=required[1])
    values = [ratio(load.rate(), bare.rate()) for load, bare in zip(loads, raw, strict=True)]
    note = f"{_rate_and_tail(loads)}; {_generator(loads)}"
    return Row(name=name, values=values, bar=required[0], target=required[1], note=note)


def _rate_and_tail(loads: list[Load]) -> str:
    tail = median(percentile(_good(load), 0.99) for load in loads)
    return f"median {median(load.rate(_status(load)) for load in loads):.0f}/s, p99 {ms(tail):.0f} ms"


def _generator(loads: list[Load]) -> str:
    return f"generator {median(load.generator for load in loads):.0%} of its core"


def _only_success(load: Load) -> None:
    if strange := load.seen.keys() - {200, 204}:
        raise RuntimeError(f"a good request was answered with {strange}")


def _status(load: Load) -> int:
    return max(load.seen, key=load.count)


def _good(load: Load) -> list[float]:
    return load.times(200, 204)
