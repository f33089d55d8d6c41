"""What was measured, as the table of docs/peers.md."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.load.peers.contenders import Contender
from tests.load.peers.measure import CLIENTS, Turn
from tests.load.plan import Plan

COLUMNS = (
    "",
    *(f"login/s, {count} client{'s' * (count > 1)}" for count in CLIENTS),
    "bcrypt/s alone, all cores",
    f"login/s at {CLIENTS[-1]} to that",
    "`me`/s, 64 clients",
    "`me` p99 alone",
    "… under 64 logins",
    "RSS",
)


def page(
    described: Sequence[str],
    turns: Mapping[Contender, Sequence[Turn]],
    missing: Mapping[Contender, str],
    plan: Plan,
) -> str:
    """`missing` has the reason for each that is not there."""
    rounds = f"Medians of {plan.rounds} rounds" if plan.rounds > 1 else "One round"
    short = ", with windows of a quarter of the usual length" if plan.quick else ""
    parts = ["\n".join(described), f"{rounds}{short}.", table(turns), _setups(turns)]
    if missing:
        parts.append("\n".join(f"- Not measured: {contender.NAME} ({reason})" for contender, reason in missing.items()))
    return "\n\n".join(parts)


def table(turns: Mapping[Contender, Sequence[Turn]]) -> str:
    head = [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    return "\n".join((*head, *(f"| {' | '.join(cells(one.NAME, measured))} |" for one, measured in turns.items())))


def cells(name: str, turns: Sequence[Turn]) -> list[str]:
    more = "> " if any(one.busy_is_more for one in turns) else ""
    return [
        name,
        *(f"{median(one.logins[count] for one in turns):.1f}" for count in CLIENTS),
        f"{median(one.raw for one in turns):.1f}",
        f"{median(one.to_raw for one in turns):.2f}",
        f"{median(one.me for one in turns):,.0f}".replace(",", " "),
        _time(median(one.idle for one in turns)),
        more + _time(median(one.busy for one in turns)),
        f"{median(one.memory for one in turns):.0f} MB",
    ]


def _setups(turns: Mapping[Contender, Sequence[Turn]]) -> str:
    return "\n".join(f"- **{one.NAME}** ({one.versions()}): {one.SETUP}" for one in turns)


def _time(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"
