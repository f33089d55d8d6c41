"""Histories for as long as asked for: python -m tests.e2e.history --minutes 10 [--ground sentinels] [--seed 7].

With --rounds 10 instead of --minutes every nemesis runs ten times, with rotation off and on in turn.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import monotonic

import pytest

from tests.e2e.history.grounds import one_postgres
from tests.e2e.history.nemeses import NEMESES, names_of
from tests.e2e.history.run import Plan, carry_out

AT_ONCE = 4  # faults in one run
LAST = "postgres_taken_over"  # nothing is left to break


def plan_of(seed: int, ground: str = "", nemesis: str = "") -> Plan:
    """The seed decides the rest."""
    dice = random.Random(seed)  # noqa: S311 - a run must be repeatable
    drawn = dice.choice(sorted(NEMESES))
    ground = ground or drawn
    names = names_of(ground)
    chosen = [nemesis] if nemesis else dice.sample(names, min(AT_ONCE, len(names)))
    return Plan(ground, sorted(chosen, key=LAST.__eq__), seed, dice.random() < 0.5)


def plans_until(ends: float, seed: int, ground: str, nemesis: str) -> Iterator[Plan]:
    """At least one."""
    yield plan_of(seed, ground, nemesis)
    while monotonic() < ends:
        seed += 1
        yield plan_of(seed, ground, nemesis)


def plans_of_rounds(rounds: int, seed: int, ground: str = "", nemesis: str = "") -> Iterator[Plan]:
    """Every nemesis once a round, those of a ground in another order each time."""
    for number in range(rounds):
        for chosen in [ground] if ground else NEMESES:
            dice = random.Random(seed)  # noqa: S311 - a run must be repeatable
            names = [nemesis] if nemesis else names_of(chosen)
            shuffled = sorted(dice.sample(names, len(names)), key=LAST.__eq__)
            for first in range(0, len(shuffled), AT_ONCE):
                yield Plan(chosen, shuffled[first : first + AT_ONCE], seed, rotation=number % 2 == 1)
                seed += 1


def carry_out_all(plans: Iterator[Plan]) -> int:
    """The number of runs that were not as they should be. Prints each, and how long each fault cost answers."""
    outages: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    bad = 0
    with tempfile.TemporaryDirectory() as directory, one_postgres(Path(directory)) as postgres:
        for number, plan in enumerate(plans):
            here = Path(directory) / str(number)
            here.mkdir()
            print(plan, flush=True)  # noqa: T201 - it is a program
            try:
                report = asyncio.run(carry_out(plan, here, postgres))
            except pytest.skip.Exception as reason:
                print(f"  skipped: {reason}", flush=True)  # noqa: T201 - as above
                continue
            print(report, flush=True)  # noqa: T201 - as above
            bad += bool(report.violations or report.trouble)
            for fault, seconds in report.history.outages():
                outages[plan.ground, fault.name].append(seconds)
    for (ground, name), each in sorted(outages.items()):
        print(f"{ground}: {name}: {len(each)} x, 503 for {median(each):.1f} s, at most {max(each):.1f} s")  # noqa: T201 - as above
    return bad


def main() -> int:
    """The number of runs that were not as they should be, at most 100."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=0, help="every nemesis so many times, instead of --minutes")
    parser.add_argument("--seed", type=int, default=None, help="of the first run; repeats it")
    parser.add_argument("--ground", choices=sorted(NEMESES), default="")
    parser.add_argument("--nemesis", default="")
    asked = parser.parse_args()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed  # noqa: S311 - chosen, not secret
    if asked.rounds:
        plans = plans_of_rounds(asked.rounds, seed, asked.ground, asked.nemesis)
    else:
        plans = plans_until(monotonic() + asked.minutes * 60, seed, asked.ground, asked.nemesis)
    return min(carry_out_all(plans), 100)


sys.exit(main())
