"""Authenticated requests against a bare hello, refreshes against bare signatures. Each contender has the same core."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import process_time

from tests.load.client import closed_loop, once, request
from tests.load.figures import Bar, Row, ms, percentile, ratio
from tests.load.instances import Instance
from tests.load.limits import Signatures, cores
from tests.load.plan import Plan

CLIENTS = 64
FEW = 8
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


async def against_hello(
    service: Instance, hello: Instance, plain: Instance, plan: Plan, bearer: Sequence[str]
) -> list[Row]:
    """`verify` and `me`, after hello in each round: on the loop that the service uses, and on asyncio's (`plain`)."""
    calls = {name: [request("GET", f"/auth/{name}", authorization=one) for one in bearer] for name in ("verify", "me")}
    if (await once(service.port, calls["verify"][0])).status == NOT_FOUND:
        del calls["verify"]
    raw: list[Run] = []
    slow: list[Run] = []
    runs: dict[str, list[Run]] = {"verify": [], "me": []}
    few: dict[str, list[Run]] = {"verify": [], "me": []}
    for _ in range(plan.rounds):
        for server, seen in ((hello, raw), (plain, slow)):
            seen.append(await run_of(server, [request("GET", "/hello")] * CLIENTS, plan.seconds(3)))
        for name, asked in calls.items():
            runs[name].append(await run_of(service, asked, plan.seconds(3)))
            few[name].append(await run_of(service, asked[:FEW], plan.seconds(3)))
    return [
        Row(name="bare hello/s, 64 clients", values=[run.rate for run in raw], note=_details(raw), is_yardstick=True),
        Row(name="bare hello/s on asyncio's own loop", values=[run.rate for run in slow], note=_details(slow)),
        *_to_hello("`verify` (idToken) at 64 clients to bare hello on the same core", runs["verify"], raw),
        *_by_cpu(runs["verify"], (raw, 0.54, 0.65), (slow, 0.60, 0.73)),
        *_few("`verify`", few["verify"], runs["verify"], (1.9, 1.5)),
        *_to_hello("`me` (with the user row) at 64 clients to bare hello", runs["me"], raw),
        *_by_cpu(runs["me"], (raw, 0.37, 0.45), (slow, 0.40, 0.47)),
        *_few("`me`", few["me"], runs["me"], (None, None)),
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
        Row(
            name=BY_CPU,
            values=[ratio(pair, run.cpu) for run, pair in zip(runs, pairs, strict=True)],
            bar=0.55,
            target=0.6,
        ),
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


def _to_hello(name: str, runs: list[Run], raw: list[Run]) -> list[Row]:
    rates = [ratio(run.rate, bare.rate) for run, bare in zip(runs, raw, strict=False)]
    return [Row(name=name, values=rates, note=_details(runs) if runs else "")]


def _by_cpu(runs: list[Run], *sides: tuple[list[Run], float, float]) -> list[Row]:
    """Against each hello, with the bar and the target: on the service's loop, then on asyncio's."""
    return [
        Row(
            name=name,
            values=[ratio(bare.cpu, run.cpu) for run, bare in zip(runs, raw, strict=False)],
            bar=bar,
            target=target,
        )
        for name, (raw, bar, target) in zip(
            (BY_CPU, "… by CPU time to hello on asyncio's own loop"), sides, strict=True
        )
    ]


def _few(name: str, few: list[Run], runs: list[Run], required: tuple[float | None, float | None]) -> list[Row]:
    return [
        Row(
            name=f"{name}, CPU time of one call at {FEW} clients to that at {CLIENTS}",
            values=[ratio(one.cpu, other.cpu) for one, other in zip(few, runs, strict=True)],
            side=Bar.AT_MOST,
            bar=required[0],
            target=required[1],
            note="small batches",
        )
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
