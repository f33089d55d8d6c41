"""Logins by clients with each password engine, and what a login storm does to `me`: the rows and the charts of it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.load import charts
from tests.load.charts import Chart, Series
from tests.load.client import Load, closed_loop, open_loop, request
from tests.load.figures import Row, ms, percentile, ratio
from tests.load.instances import NO_LIMITS, Instance, Stage, login
from tests.load.limits import Hashes, cores
from tests.load.plan import Plan
from tests.load.rows import logins
from tests.load.rows.logins import DEFAULT_ENGINE, settle

ENGINES = ("lanes", "wheel")
VARIABLE = "TOKENHOUSE_PASSWORDS__ENGINE"
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
FEW_CLIENTS = (1, 16, 64)  # of a short run
NOTED = (1, 16, 64)  # the rows of the table; the chart has all
PER_SECOND = 100
DOCS = Path(__file__).parents[3] / "docs"
LOGINS_CHART = "logins-by-clients.svg"
ME_CHART = "me-under-logins.svg"
X_LABEL = "clients that log in at once"

Rates = Mapping[str, Mapping[int, Sequence[float]]]  # engine, clients, a figure for each round


async def logins_by_clients(place: Stage, plan: Plan, drawn_in: Path | None) -> list[Row]:
    """Every engine that this service has, in turn, the other one first in every second round."""
    counts = FEW_CLIENTS if plan.quick else CLIENTS
    with ExitStack() as running:
        services = _start(place, running)
        rates: dict[str, dict[int, list[float]]] = {engine: {count: [] for count in counts} for engine, _ in services}
        raw: list[float] = []
        for _ in range(plan.rounds):
            raw.append(Hashes().rate(plan.seconds(4), len(cores())))
            for count in counts:
                for engine, service in services:
                    load = await _storm(service, count, plan.seconds(4))
                    await settle(service)
                    rates[engine][count].append(load.rate())
            services.reverse()
        others = [(engine, service) for engine, service in services if engine != DEFAULT_ENGINE]
        rows = [row for engine, service in others for row in (await logins.latency(service, plan, engine))[1:]]
    rows += [logins.to_raw(engine, rates[engine][16], raw) for engine, _ in others]
    if drawn_in and rates:
        charts.write(logins_chart(rates), drawn_in / LOGINS_CHART)
    return rows + [_to_wheel(rates, count) for count in NOTED]


async def me_by_clients(service: Instance, plan: Plan, bearer: Sequence[str], drawn_in: Path | None) -> list[Row]:
    """/auth/me a hundred times a second while so many clients log in, with the engine that is the default."""
    asked = [request("GET", "/auth/me", authorization=token) for token in bearer]
    counts = FEW_CLIENTS if plan.quick else CLIENTS
    times: dict[int, list[list[float]]] = {count: [] for count in counts}
    for _ in range(plan.rounds):
        for count in counts:
            storm = asyncio.create_task(_storm(service, count, plan.seconds(4)))
            await asyncio.sleep(1)
            load = await open_loop(service.port, asked, PER_SECOND, plan.seconds(4))
            await storm
            await settle(service)
            times[count].append(load.times(200, 0))
    shares: Rates = {
        f"p{share * 100:.0f}": {count: [ms(percentile(one, share)) for one in times[count]] for count in counts}
        for share in (0.5, 0.99)
    }
    if drawn_in:
        charts.write(me_chart(shares), drawn_in / ME_CHART)
    return [
        Row(
            name=f"`me` {name}, clients that log in: {count}",
            values=shares[name][count],
            unit=" ms",
            note="open loop, 100/s",
        )
        for count in NOTED
        for name in shares
    ]


def _start(place: Stage, running: ExitStack) -> list[tuple[str, Instance]]:
    """An instance for each engine. One that was not built on this machine does not start, and is left out."""
    services: list[tuple[str, Instance]] = []
    for engine in ENGINES:
        try:
            service = running.enter_context(place.service({**NO_LIMITS, VARIABLE: engine}))
        except RuntimeError as error:
            print(f"no instance with the engine {engine}: {error}", flush=True)
        else:
            services.append((engine, service))
    return services


def logins_chart(rates: Rates) -> Chart:
    return Chart("Logins per second by clients", X_LABEL, "logins per second", "/s", _medians(rates))


def me_chart(shares: Rates) -> Chart:
    return Chart(
        "Latency of /auth/me while others log in", X_LABEL, "ms, at 100 requests a second", " ms", _medians(shares)
    )


def _medians(figures: Rates) -> list[Series]:
    return [
        Series(name, [(clients, median(values)) for clients, values in by_clients.items()])
        for name, by_clients in figures.items()
    ]


def _to_wheel(rates: Rates, count: int) -> Row:
    name = f"login/s with engine `lanes` to that with `wheel`, clients: {count}"
    if not rates.keys() >= set(ENGINES):
        return Row(name=name, values=[], note=f"engines that started: {', '.join(rates) or 'none'}")
    lanes, wheel = (rates[engine][count] for engine in ENGINES)
    return Row(
        name=name,
        values=[ratio(*pair) for pair in zip(lanes, wheel, strict=True)],
        note=f"medians {median(lanes):.1f} and {median(wheel):.1f}/s",
    )


async def _storm(service: Instance, clients: int, seconds: float) -> Load:
    load = await closed_loop(service.port, [login(number) for number in range(clients)], seconds, warm_up=1)
    if strange := load.seen.keys() - {200, 503}:
        raise RuntimeError(f"logins were answered with {strange}")
    return load
