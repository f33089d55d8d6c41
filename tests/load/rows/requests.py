"""Authenticated requests against a bare hello, refreshes against bare signatures. Each contender has the same core."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import process_time

from tests.load.client import closed_loop, once, request
from tests.load.figures import Row, ms, percentile, ratio
from tests.load.instances import Instance
from tests.load.limits import Signatures, cores
from tests.load.plan import Plan

CLIENTS = 64
NOT_FOUND = 404
GOOD = (200, 204)
BY_CPU = "… by CPU time, which other programs on the machine hardly change"


@dataclass(frozen=True, slots=True)
class Run:
    """One load: good answers per second, their p99, the server's CPU time for each answer, the generator's share of a
    core, and how many good requests were refused nevertheless.
    """

    rate: float
    p99: float
    cpu: float
    generator: float
    refused: int


async def against_hello(service: Instance, hello: Instance, plan: Plan, bearer: Sequence[str]) -> list[Row]:
    """`verify` and `me`, after hello in each round."""
    calls = {name: [request("GET", f"/auth/{name}", authorization=one) for one in bearer] for name in ("verify", "me")}
    if (await once(service.port, calls["verify"][0])).status == NOT_FOUND:
        del calls["verify"]
    raw: list[Run] = []
    runs: dict[str, list[Run]] = {"verify": [], "me": []}
    for _ in range(plan.rounds):
        raw.append(await run_of(hello, [request("GET", "/hello")] * CLIENTS, plan.seconds(3)))
        for name, asked in calls.items():
            runs[name].append(await run_of(service, asked, plan.seconds(3)))
    return [
        Row(name="bare hello/s, 64 clients", values=[run.rate for run in raw], note=_details(raw), is_yardstick=True),
        *_to_hello("`verify` (idToken) at 64 clients to bare hello on the same core", runs["verify"], raw, (0.5, 0.66)),
        *_to_hello("`me` (with the user row) at 64 clients to bare hello", runs["me"], raw, (0.3, 0.5)),
    ]


async def refreshes(service: Instance, plan: Plan, refresh_tokens: Sequence[str]) -> list[Row]:
    asked = [request("POST", "/auth/refresh", {"refreshToken": token}) for token in refresh_tokens]
    signatures, everywhere = Signatures(), cores()
    raw: list[float] = []
    pairs: list[float] = []  # CPU seconds of two signatures
    runs: list[Run] = []
    free: list[float] = []
    for _ in range(plan.rounds):
        os.sched_setaffinity(0, everywhere[:1])
        spent = process_time()
        raw.append(signatures.rate(plan.seconds(2)))
        pairs.append(2 * (process_time() - spent) / (raw[-1] * plan.seconds(2)))
        os.sched_setaffinity(0, everywhere)
        runs.append(await run_of(service, asked, plan.seconds(4)))
        free.append((await closed_loop(service.port, asked, plan.seconds(3))).rate())
    halves = [rate / 2 for rate in raw]
    return [
        Row(name="RS256 signatures/s, one core", values=raw, note="2048 bits, joserfc", is_yardstick=True),
        Row(
            name="refresh/s at 64 clients, RS256, to raw signatures/s ÷ 2",
            values=[ratio(run.rate, half) for run, half in zip(runs, halves, strict=True)],
            bar=0.6,
            target=0.75,
            note=_details(runs),
        ),
        Row(name=BY_CPU, values=[ratio(pair, run.cpu) for run, pair in zip(runs, pairs, strict=True)]),
        Row(
            name="… when the process may use all cores",
            values=[ratio(*pair) for pair in zip(free, halves, strict=True)],
            note="the signatures run beside the event loop",
        ),
    ]


async def run_of(server: Instance, asked: Sequence[bytes], seconds: float) -> Run:
    warm_up = 0.5
    with _apart(server):
        spent = server.cpu_seconds()
        load = await closed_loop(server.port, asked, seconds, warm_up=warm_up)
        spent = server.cpu_seconds() - spent
    answers = load.answers * (1 + warm_up / seconds)  # the warm-up cost CPU time as well
    good = load.times(*GOOD)
    rate = sum(map(load.rate, GOOD))
    return Run(rate, percentile(good, 0.99), ratio(spent, answers), load.generator, load.answers - len(good))


@contextmanager
def _apart(server: Instance) -> Iterator[None]:
    """The server on the first core, the generator on the last; Postgres and Redis where they like."""
    everywhere = cores()
    server.pin(everywhere[:1])
    os.sched_setaffinity(0, everywhere[-1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)
        server.pin(everywhere)


def _to_hello(name: str, runs: list[Run], raw: list[Run], required: tuple[float, float]) -> list[Row]:
    if not runs:
        return [Row(name=name, values=[], bar=required[0], target=required[1])]
    both = list(zip(runs, raw, strict=True))
    rates = [ratio(run.rate, bare.rate) for run, bare in both]
    return [
        Row(name=name, values=rates, bar=required[0], target=required[1], note=_details(runs)),
        Row(name=BY_CPU, values=[ratio(bare.cpu, run.cpu) for run, bare in both]),
    ]


def _details(runs: list[Run]) -> str:
    """Medians."""
    rate, p99 = median(run.rate for run in runs), median(run.p99 for run in runs)
    cpu, generator = median(run.cpu for run in runs), median(run.generator for run in runs)
    refused = sum(run.refused for run in runs)
    return (
        f"{rate:,.0f}/s, p99 {ms(p99):.0f} ms, {cpu * 1_000_000:.0f} µs of the server's CPU each; "
        f"generator {generator:.0%} of its core" + (f"; {refused} refused" if refused else "")
    )
