"""Logins against the raw rate of bcrypt, and what an overload leaves of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from service.domain.passwords.lanes import IS_BUILT
from service.settings import PasswordSettings
from tests.load.client import Connection, Load, Patience, closed_loop, open_loop, request
from tests.load.figures import Bar, Row, ms, percentile, ratio
from tests.load.instances import Instance, login
from tests.load.limits import Hashes, cores
from tests.load.plan import Plan

WARM_UP = 2.0
IMPATIENCE = 0.25  # seconds after which a client that ignores Retry-After tries again
STRANGE = 0.01  # of the calls of a neighbour: more that fail are no measurement
MAX_WAIT = PasswordSettings().max_wait.total_seconds()
DEFAULT_ENGINE = "lanes" if IS_BUILT else "wheel"


@dataclass(frozen=True, slots=True)
class EngineBars:
    """Of logins per second at 16 clients, and of the time of one login: to the raw rate, and time, of the bcrypt package."""

    lanes: int
    rate: float
    rate_target: float
    time: float
    time_target: float


ENGINES: Mapping[str, EngineBars] = {
    "lanes": EngineBars(lanes=4, rate=2.6, rate_target=3.3, time=0.92, time_target=0.86),
    "wheel": EngineBars(lanes=1, rate=0.95, rate_target=1.0, time=1.05, time_target=1.02),
}


async def rates(service: Instance, plan: Plan) -> list[Row]:
    """With the default engine: raw, 16 clients, 64 that wait as told, 256 that do not, and again from the start."""
    hashes, threads = Hashes(), len(cores())
    raw: list[float] = []
    loads: dict[str, list[Load]] = {"16": [], "64": [], "256": []}
    for _ in range(plan.rounds):
        raw.append(hashes.rate(plan.seconds(6), threads))
        loads["16"].append(await _load(service, plan, 16, Patience.HONOURS))
        loads["64"].append(await _load(service, plan, 64, Patience.HONOURS))
        loads["256"].append(await _load(service, plan, 256, Patience.IGNORES, IMPATIENCE))
    calm = [load.rate() for load in loads["16"]]
    hash_times = [ratio(threads * ENGINES[DEFAULT_ENGINE].lanes, rate) for rate in calm]
    promised = [MAX_WAIT + 3 * seconds for seconds in hash_times]
    accepted = [percentile(load.times(200), 0.99) for load in loads["64"]]
    return [
        Row(name="bcrypt checks/s, all cores", values=raw, note=f"cost 12, {threads} threads", is_yardstick=True),
        to_raw(DEFAULT_ENGINE, calm, raw),
        Row(
            name="overload, 64 clients that honour Retry-After: login rate kept",
            values=_kept(loads["64"], calm),
            bar=0.9,
            target=0.9,
            note="of the rate at 16 clients",
        ),
        Row(
            name="… p99 of the accepted to max_wait + 3 hash times",
            values=[ratio(*pair) for pair in zip(accepted, promised, strict=True)],
            side=Bar.AT_MOST,
            bar=1.0,
            target=1.0,
            note=f"median {median(accepted):.2f} s; hash time with all workers busy {median(hash_times):.3f} s",
        ),
        Row(
            name="overload, 256 clients that ignore it: login rate kept",
            values=_kept(loads["256"], calm),
            bar=0.8,
            target=0.9,
            note=f"each comes back after {ms(IMPATIENCE):.0f} ms; {median(load.rate(503) for load in loads['256']):.0f}"
            " refusals/s",
        ),
        Row(
            name="… p99 of the refusals",
            values=[ms(percentile(load.times(503), 0.99)) for load in loads["256"]],
            unit=" ms",
            side=Bar.AT_MOST,
            bar=300,
            target=250,
        ),
    ]


def to_raw(engine: str, logins: Sequence[float], raw: Sequence[float]) -> Row:
    """Logins per second at 16 clients, and the raw rate, of each round."""
    return Row(
        name=f"login/s at 16 clients to the raw bcrypt rate of all cores, engine `{engine}`",
        values=[ratio(*pair) for pair in zip(logins, raw, strict=True)],
        bar=ENGINES[engine].rate,
        target=ENGINES[engine].rate_target,
        note=f"median {median(logins):.2f}/s; the raw rate is that of the bcrypt package",
    )


async def flood(service: Instance, plan: Plan, bearer: list[str]) -> list[Row]:
    """16 clients, then 256 that come back at once while /auth/me is asked a hundred times a second."""
    asked = [request("GET", "/auth/me", authorization=token) for token in bearer]
    calm: list[float] = []
    loads: list[Load] = []
    neighbours: list[float] = []
    for _ in range(plan.rounds):
        calm.append((await _load(service, plan, 16, Patience.HONOURS)).rate())
        storm = asyncio.create_task(_load(service, plan, 256, Patience.IGNORES))
        await asyncio.sleep(WARM_UP)
        neighbours.append(_p99(await open_loop(service.port, asked, 100, plan.seconds(8) - 0.5)))
        loads.append(await storm)
    return [
        Row(
            name="flood, 256 clients that come back at once: login rate kept",
            values=_kept(loads, calm),
            bar=0.7,
            target=0.83,
            note=f"of the rate at 16 clients; {median(load.rate(503) for load in loads):.0f} refusals/s; the flood's own "
            f"sender took {median(load.generator for load in loads):.0%} of a core",
        ),
        Row(name="… `me` p99, 100/s", values=neighbours, unit=" ms", side=Bar.AT_MOST, bar=15, target=8),
        Row(
            name="… p99 of the refusals",
            values=[ms(percentile(load.times(503), 0.99)) for load in loads],
            unit=" ms",
            side=Bar.AT_MOST,
            bar=600,
            target=500,
        ),
    ]


async def latency(service: Instance, plan: Plan, engine: str = DEFAULT_ENGINE) -> list[Row]:
    """One client and one raw hash in turn."""
    hashes = Hashes()
    connection = await Connection.open(service.port)
    raw: list[float] = []
    ratios: list[float] = []
    for _ in range(plan.rounds):
        alone: list[float] = []
        logins: list[float] = []
        for _ in range(plan.few or 12):
            alone.append(hashes.one())
            started = perf_counter()
            answer = await connection.ask(login(0))
            logins.append(perf_counter() - started)
            if answer.status != 200:
                raise RuntimeError(f"a lone login was answered with {answer.status}")
        raw.append(ms(median(alone)))
        ratios.append(ratio(median(logins), median(alone)))
    connection.drop()
    return [
        Row(name="one bcrypt check alone", values=raw, unit=" ms", side=Bar.AT_MOST, note="cost 12", is_yardstick=True),
        Row(
            name=f"login p50, one client, to one raw hash, engine `{engine}`",
            values=ratios,
            side=Bar.AT_MOST,
            bar=ENGINES[engine].time,
            target=ENGINES[engine].time_target,
            note="in turn, one after the other",
        ),
    ]


async def neighbours(service: Instance, plan: Plan, bearer: list[str]) -> list[Row]:
    """/auth/me a hundred times a second: alone, then while 64 clients log in."""
    asked = [request("GET", "/auth/me", authorization=token) for token in bearer]
    idle: list[float] = []
    busy: list[float] = []
    for _ in range(plan.rounds):
        await settle(service)
        idle.append(_p99(await open_loop(service.port, asked, 100, plan.seconds(5))))
        storm = asyncio.create_task(
            closed_loop(service.port, [login(number) for number in range(64)], plan.seconds(8) + 1, warm_up=1)
        )
        await asyncio.sleep(1.5)  # until the queue is full
        busy.append(_p99(await open_loop(service.port, asked, 100, plan.seconds(8) - 1)))
        await storm
    await settle(service)
    return [
        Row(name="`me` p99 alone, 100/s", values=idle, unit=" ms", side=Bar.AT_MOST, note="open loop"),
        Row(name="`me` p99 under 64 logins", values=busy, unit=" ms", side=Bar.AT_MOST, bar=15, target=7),
        Row(
            name="… to its p99 alone",
            values=[ratio(*pair) for pair in zip(busy, idle, strict=True)],
            side=Bar.AT_MOST,
            bar=5,
        ),
    ]


async def settle(service: Instance) -> None:
    """Until the hashes whose clients have hung up are done: a login is let in, and none is before it."""
    connection = await Connection.open(service.port)
    for _ in range(100):
        if (await connection.ask(login(0))).status == 200:
            break
        await asyncio.sleep(0.1)
    connection.drop()


async def _load(service: Instance, plan: Plan, clients: int, patience: Patience, pause: float = 0.0) -> Load:
    load = await closed_loop(
        service.port,
        [login(number) for number in range(clients)],
        plan.seconds(8),
        warm_up=WARM_UP,
        patience=patience,
        pause=pause,
    )
    await settle(service)
    if strange := load.seen.keys() - {200, 503}:
        raise RuntimeError(f"logins were answered with {strange}")
    return load


def _kept(loads: list[Load], calm: list[float]) -> list[float]:
    return [ratio(load.rate(), rate) for load, rate in zip(loads, calm, strict=True)]


def _p99(load: Load) -> float:
    strange = {status: len(seen) for status, seen in load.seen.items() if status not in (200, 0)}
    if sum(strange.values()) > STRANGE * load.answers:
        raise RuntimeError(f"/auth/me was answered with {strange}")
    return ms(percentile(load.times(200, 0), 0.99))
