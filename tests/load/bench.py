"""How fast the service is, as ratios to what this machine can do at all: `python -m tests.load.bench`.

Everything runs here: embedded stores, the service as a process of its own, and the load generator in this one. The
machine's speed swings, so each figure is a pair measured in turn, A B A B A B, and only the ratios are comparable.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.load import report
from tests.load.figures import Row, Verdict
from tests.load.instances import NO_LIMITS, SERVICE_LOOP, Stage, add_accounts, stage, tokens
from tests.load.plan import Plan
from tests.load.rows import cognito, engines, limiter, logins, process, raw, requests, timing, watching

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
STORM = 256  # accounts that log in again and again: numbers 0 to 255
MEMBERS = range(256, 320)  # accounts whose tokens are used; a user's oldest sessions end when they are too many
SPOILT = 320  # accounts for wrong passwords
ACCOUNTS = 330
TERMINATED = 128 + signal.SIGTERM


async def _measure(place: Stage, plan: Plan, drawn_in: Path | None) -> tuple[list[Row], list[Row]]:
    """The rows with bars, and the raw limits. Charts are written to the directory `drawn_in`."""
    bars: list[Row] = []

    def add(rows: list[Row]) -> None:
        bars.extend(rows)
        for row in rows:
            _say(row)

    with place.service(NO_LIMITS) as service, place.hello(SERVICE_LOOP) as hello, place.hello("asyncio") as plain:
        await add_accounts(place, service.port, ACCOUNTS)
        limits = await raw.limits(place, plan)
        for row in limits:
            _say(row)
        members = await tokens(service.port, MEMBERS)
        bearer = [f"Bearer {one['idToken']}" for one in members]
        add(await logins.latency(service, plan))
        add(await requests.against_hello(service, hello, plain, plan, bearer))
        add(await requests.refreshes(service, plan, [one["refreshToken"] for one in members]))
        add(await logins.rates(service, plan))
        add(await logins.flood(service, plan, bearer))
        add(await logins.neighbours(service, plan, bearer))
        add(await engines.me_by_clients(service, plan, bearer, drawn_in))
        add(await timing.refusals(place, service, plan, SPOILT))
    add(await engines.logins_by_clients(place, plan, drawn_in))
    add(await watching.overhead(place, plan, bearer))
    add(await cognito.beside_the_api(place, plan))
    add(process.starts(place, plan))
    add(await limiter.refusals(place, plan, SPOILT + 2))
    add(await limiter.parallel_guesses(place, SPOILT + 3))
    yardsticks = [row for row in bars if row.is_yardstick]
    return [row for row in bars if not row.is_yardstick], [*yardsticks, *limits]


def _say(row: Row) -> None:
    name, low, middle, high, bar, target, verdict, note = row.cells()
    print(f"{name[:74]:74} {low:>9} {middle:>9} {high:>9}  {bar:>9} {target:>9}  {verdict:18} {note}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a bar is missed and that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.bench", description="Benchmarks for ourselves.")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that the benchmark itself works")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument(
        "--output",
        type=Path,
        help="the page to write the figures to, with the charts beside it; with --quick none unless given",
    )
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the servers are stopped
    output = asked.output or (None if asked.quick else PAGE)
    plan, started, load = Plan(quick=asked.quick), perf_counter(), report.load_average()
    with stage() as place:
        described = asyncio.run(report.machine(place, load))
        print("\n".join(described), flush=True)
        bars, limits = asyncio.run(_measure(place, plan, output and output.parent))
    text = report.page(described, bars, limits, plan.rounds)
    if output:
        report.write(text, output)
    missed = [row.name for row in bars if row.verdict is Verdict.MISSED]
    print(f"{perf_counter() - started:.0f} s; {len(missed)} bars missed" + "".join(f"\n  {name}" for name in missed))
    return 1 if missed and asked.check else 0


if __name__ == "__main__":
    sys.exit(main())
