"""Histories for as long as asked for: python -m tests.e2e.history --minutes 10 [--ground sentinels] [--seed 7]."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
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


def main() -> int:
    """The number of runs that were not as they should be, at most 100."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="of the first run; repeats it")
    parser.add_argument("--ground", choices=sorted(NEMESES), default="")
    parser.add_argument("--nemesis", default="")
    asked = parser.parse_args()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed  # noqa: S311 - chosen, not secret
    ends, bad = monotonic() + asked.minutes * 60, 0
    with tempfile.TemporaryDirectory() as directory, one_postgres(Path(directory)) as postgres:
        while True:
            here = Path(directory) / str(seed)
            here.mkdir()
            plan = plan_of(seed, asked.ground, asked.nemesis)
            print(plan, flush=True)  # noqa: T201 - it is a program
            try:
                report = asyncio.run(carry_out(plan, here, postgres))
            except pytest.skip.Exception as reason:
                print(f"  skipped: {reason}", flush=True)  # noqa: T201 - as above
            else:
                print(report, flush=True)  # noqa: T201 - as above
                bad += bool(report.violations or report.trouble)
            seed += 1
            if monotonic() > ends:
                return min(bad, 100)


sys.exit(main())
