"""Tokenhouse beside its peers, on the same machine in the same minutes: `python -m tests.load.bench_peers`.

Each has its turn in every round, in the reverse order in every second one, with nothing else running but the stores.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from tests.load import report
from tests.load.instances import Stage, stage
from tests.load.peers import contenders, table
from tests.load.peers.contenders import Contender
from tests.load.peers.environments import MissingPeerError
from tests.load.peers.measure import ACCOUNTS, Turn, members, turn
from tests.load.plan import Plan

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
MARK = "<!-- figures: written by `make bench-peers`, not by hand -->"
TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.bench_peers", description="Tokenhouse and its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round of three to four minutes")
    parser.add_argument("--output", type=Path, help="the page to write the table to; with --quick none unless given")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the servers are stopped
    plan, started, load = Plan(quick=asked.quick), perf_counter(), report.load_average()
    with stage() as place:
        described = asyncio.run(report.machine(place, load))
        ready, missing = asyncio.run(_prepare(place, contenders.everyone()))
        turns = asyncio.run(_measure(place, ready, plan))
        text = table.page(described, turns, missing, plan)
    print(text)
    if output := asked.output or (None if plan.quick else PAGE):
        report.write(text, output, MARK)
    print(f"{perf_counter() - started:.0f} s")
    return 0


async def _prepare(
    place: Stage, everyone: Sequence[Contender]
) -> tuple[dict[Contender, list[bytes]], dict[Contender, str]]:
    """The requests for profiles of those that are there, and why the others are not."""
    ready: dict[Contender, list[bytes]] = {}
    missing: dict[Contender, str] = {}
    for contender in everyone:
        try:
            await contender.prepare(place, ACCOUNTS)
            ready[contender] = await members(place, contender)
        except (MissingPeerError, RuntimeError) as error:
            missing[contender] = str(error).splitlines()[-1]
            print(f"{contender.NAME} is left out: {error}", flush=True)
    return ready, missing


async def _measure(place: Stage, ready: Mapping[Contender, Sequence[bytes]], plan: Plan) -> dict[Contender, list[Turn]]:
    turns: dict[Contender, list[Turn]] = {contender: [] for contender in ready}
    order = list(ready)
    for number in range(plan.rounds):
        for contender in order:
            measured = await turn(place, contender, plan, ready[contender])
            turns[contender].append(measured)
            print(f"round {number + 1}: {' | '.join(table.cells(contender.NAME, [measured]))}", flush=True)
        order.reverse()
    return turns


if __name__ == "__main__":
    sys.exit(main())
