"""What a login, a session and a user cost, and what many of them need: `make capacity`, or with your own numbers

python -m tests.load.capacity --model users=5e6 logins=0.5
"""

import argparse
import asyncio
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from service.ambient import Ambient
from tests.load import cpu_time, memory, model, report
from tests.load.cpu_time import Spent
from tests.load.instances import Stage, stage
from tests.load.memory import COUNT, Weight
from tests.load.model import Costs, Site

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"
MARK = "<!-- figures: written by `make capacity`, not by hand -->"
TERMINATED = 128 + signal.SIGTERM
COLUMNS = {
    "service": "service",
    "postgres": "postgres",
    "redis": "redis",
    "redis_commands": "commands",
    "redis_bytes": "redis bytes",
    "wal_bytes": "wal",
    "client_bytes": "client",
}


class Kind(NamedTuple):
    about: str
    bar: float | None = None  # bytes


KINDS = {
    "S": Kind("session, the only one of its user, with the user's index", 600),
    "S6": Kind("... from an IPv6 network, with a user agent of 128 bytes", 600),
    "S5": Kind("... one of five of its user"),
    "SR": Kind("... whose refresh token has rotated", 600),
    "D": Kind("denylist entry", 150),
    "D3": Kind("logout: the denylist entries of a session and of two tokens"),
    "K": Kind("known source of an account"),
    "F": Kind(
        "failed login: rows of source, account and pair, gone in 90 s, and the failures in a row, kept for a day"
    ),
    "U": Kind("account, with its indexes"),
    "V": Kind("revocation, with its indexes"),
    "E": Kind("event of the audit trail, with its indexes"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.capacity", description="What it costs, by what is measured."
    )
    parser.add_argument(
        "--model",
        nargs="*",
        metavar="NAME=NUMBER",
        help=f"only compute, from the page's figures: {', '.join(_names())}",
    )
    asked = parser.parse_args(arguments)
    if asked.model is not None:
        print(model.table([_site(asked.model, parser)], parse(PAGE.read_text(encoding="utf-8"))))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the servers are stopped
    load = report.load_average()
    with stage() as place:
        described, weights, spent = asyncio.run(_measure(place, load))
    measured = "\n\n".join(
        (
            "\n".join(described),
            f"### What is kept: bytes, of {COUNT} each",
            _weights(weights),
            "### What a call spends",
            _calls(spent),
        )
    )
    costs = parse(measured)
    text = "\n\n".join((measured, "### What a site needs", model.table([Site(users) for users in model.SIZES], costs)))
    report.write(text, PAGE, MARK)
    print(text)
    missed = [symbol for symbol, kind in KINDS.items() if kind.bar is not None and weights[symbol].held > kind.bar]
    print(f"bars missed: {', '.join(missed)}" if missed else "every bar holds")
    return 1 if missed else 0


def parse(page: str) -> Costs:
    """The figures as the page shows them."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    numbers = {row[0].strip("`"): row[1:] for row in rows}
    weights = {symbol: _number(numbers[symbol][0]) for symbol in KINDS}
    calls = {call: dict(zip(COLUMNS.values(), map(_number, numbers[call]), strict=True)) for call in model.CALLS}
    return Costs(weights, calls)


async def _measure(place: Stage, load: float) -> tuple[list[str], dict[str, Weight], dict[str, Spent]]:
    described = await report.machine(place, load)
    ambient = Ambient()
    spent = await cpu_time.per_call(place, lambda name: print(f"spent by {name} ...", flush=True))
    print("kept in Redis ...", flush=True)
    weights = await memory.redis(place.redis, ambient)
    print("kept in Postgres ...", flush=True)
    return described, weights | await memory.postgres(place.postgres, ambient), spent


def _weights(weights: Mapping[str, Weight]) -> str:
    lines = ["| symbol | bytes | of one | bar | `MEMORY USAGE` of its key |", "|---|---:|---|---:|---:|"]
    for symbol, (about, bar) in KINDS.items():
        weight = weights[symbol]
        verdict = "" if bar is None else f"≤ {bar:.0f}, {'holds' if weight.held <= bar else '**missed**'}"
        lines.append(
            f"| `{symbol}` | {weight.held:.0f} | {about} | {verdict} | {f'{weight.own:.0f}' if weight.own else ''} |"
        )
    return "\n".join(lines)


def _calls(spent: Mapping[str, Spent]) -> str:
    lines = [f"| call | {' | '.join(COLUMNS.values())} |", f"|---|{'---:|' * len(COLUMNS)}"]
    for call, one in spent.items():
        cells = " | ".join(
            f"{getattr(one, name):.3g}" if getattr(one, name) < 100 else f"{getattr(one, name):.0f}" for name in COLUMNS
        )
        lines.append(f"| `{call}` | {cells} |")
    return "\n".join(lines)


def _number(cell: str) -> float:
    match = re.match(r"[\d.]+", cell)
    assert match, f"{cell!r} is no number"
    return float(match[0])


def _names() -> list[str]:
    return [field.name for field in fields(Site)]


def _site(told: Sequence[str], parser: argparse.ArgumentParser) -> Site:
    try:
        return Site(**{name: float(number) for name, _, number in (one.partition("=") for one in told)})
    except (TypeError, ValueError):
        parser.error(f"--model takes NAME=NUMBER, of these names: {', '.join(_names())}")


if __name__ == "__main__":
    sys.exit(main())
