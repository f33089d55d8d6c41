"""What a process costs before anybody asks it anything."""

from time import sleep

from tests.load.figures import Bar, Row
from tests.load.instances import NO_METRICS, Stage
from tests.load.plan import Plan


def starts(place: Stage, plan: Plan) -> list[Row]:
    """Starts on running stores whose schema is up to date, one after another."""
    ready: list[float] = []
    watched: list[float] = []
    unwatched: list[float] = []
    for _ in range(2 if plan.quick else 5):
        with place.service({}) as instance:
            sleep(0.3)  # until the start has settled
            ready.append(instance.ready_after)
            watched.append(instance.resident())
        with place.service(NO_METRICS) as instance:
            sleep(0.3)
            unwatched.append(instance.resident())
    return [
        Row(name="RSS of an idle process", values=watched, unit=" MB", side=Bar.AT_MOST, bar=100, note="with metrics"),
        Row(name="… with `metrics.enabled: false`", values=unwatched, unit=" MB", side=Bar.AT_MOST, bar=90, target=70),
        Row(
            name="start to ready", values=ready, unit=" s", side=Bar.AT_MOST, bar=1.5, target=0.9, note="stores running"
        ),
    ]
