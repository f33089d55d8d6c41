"""What a process costs before anybody asks it anything, with the libraries of production alone."""

import sys
from time import sleep

from tests.load import runtime
from tests.load.figures import Bar, Row
from tests.load.instances import NO_METRICS, Stage
from tests.load.plan import Plan


def starts(place: Stage, plan: Plan) -> list[Row]:
    """Starts on running stores whose schema is up to date, one after another."""
    lean = runtime.python()
    python = str(lean or sys.executable)
    where = "`requirements.lock` without extras" if lean else "environment of the tests: the lean one could not be made"
    ready: list[float] = []
    watched: list[float] = []
    unwatched: list[float] = []
    for _ in range(2 if plan.quick else 5):
        with place.service({}, python) as instance:
            sleep(0.3)  # until the start has settled
            ready.append(instance.ready_after)
            watched.append(instance.resident())
        with place.service(NO_METRICS, python) as instance:
            sleep(0.3)
            unwatched.append(instance.resident())
    return [
        Row(name="RSS of an idle process", values=watched, unit=" MB", side=Bar.AT_MOST, bar=85, target=76, note=where),
        Row(name="… with `metrics.enabled: false`", values=unwatched, unit=" MB", side=Bar.AT_MOST, bar=85, target=75),
        Row(
            name="start to ready",
            values=ready,
            unit=" s",
            side=Bar.AT_MOST,
            bar=1.1,
            target=0.85,
            note=f"stores running; {where}",
        ),
    ]
