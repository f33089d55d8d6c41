"""What it costs to be watched: `me` with metrics and logs as they are by default, and with neither."""

from collections.abc import Sequence
from statistics import median

from tests.load.client import request
from tests.load.figures import Bar, Row, ratio
from tests.load.instances import NO_LIMITS, NO_METRICS, Stage
from tests.load.plan import Plan
from tests.load.rows.requests import Run, run_of

SILENT = {**NO_LIMITS, **NO_METRICS, "TOKENHOUSE_LOGGING__LEVEL": "ERROR"}
BAR = 1.15


async def overhead(place: Stage, plan: Plan, bearer: Sequence[str]) -> list[Row]:
    """Pairs in turn, each side first in every other one: twice as many as elsewhere, for the difference is small."""
    asked = [request("GET", "/auth/me", authorization=one) for one in bearer]
    seen: list[Run] = []
    unseen: list[Run] = []
    with place.service(NO_LIMITS) as watched, place.service(SILENT) as silent:
        sides = [(watched, seen), (silent, unseen)]
        for _ in range(2 * plan.rounds):
            for instance, runs in sides:
                runs.append(await run_of(instance, asked, plan.seconds(3)))
            sides.reverse()
    both = list(zip(seen, unseen, strict=True))
    middle, least = (median(run.cpu for run in runs) * 1_000_000 for runs in (seen, unseen))
    return [
        Row(
            name="`me`, CPU time with metrics and logs to that without",
            side=Bar.AT_MOST,
            bar=BAR,
            values=[ratio(one.cpu, other.cpu) for one, other in both],
            note=f"medians {middle:.0f} and {least:.0f} µs for each request",
        ),
        Row(
            name="… throughput at 64 clients without to that with them",
            values=[ratio(other.rate, one.rate) for one, other in both],
        ),
    ]
