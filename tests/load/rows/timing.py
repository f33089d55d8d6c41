"""Whether the time of a refusal tells what was wrong."""

from statistics import median
from time import perf_counter

from tests.load.client import Connection
from tests.load.figures import Bar, Row, ms
from tests.load.instances import Instance, Stage, email, login
from tests.load.plan import Plan

WRONG = "Wrong-Pass-1!"
UNKNOWN = 1_000_000
LONGEST = 170  # seconds, where hashes are slow
MALFORMED = "$bcrypt-sha256$v=2,t=2b,r=12$damaged"


async def refusals(place: Stage, service: Instance, plan: Plan, number: int) -> list[Row]:
    """A wrong password, an unknown address and a damaged stored hash in turn; `number` and the next are spoilt for it."""
    await place.sql("UPDATE users SET password_hash = $1 WHERE canonical_email = $2", MALFORMED, email(number + 1))
    times: dict[int, list[float]] = {number: [], UNKNOWN: [], number + 1: []}
    connection = await Connection.open(service.port)
    until = perf_counter() + LONGEST
    for _ in range(plan.few or 200):
        if perf_counter() > until:
            break
        for who, taken in times.items():
            started = perf_counter()
            answer = await connection.ask(login(who, WRONG))
            taken.append(ms(perf_counter() - started))
            if answer.status != 401:
                raise RuntimeError(f"401 was expected, {answer.status} came")
    connection.drop()
    known = times[number]
    return [
        Row(
            name="login with a wrong password, p50",
            values=[median(known)],
            unit=" ms",
            note="the yardstick of the next",
        ),
        *(
            row
            for name, who in (("an unknown address", UNKNOWN), ("a damaged stored hash", number + 1))
            for row in _compare(name, times[who], known)
        ),
    ]


def _compare(name: str, times: list[float], known: list[float]) -> list[Row]:
    pairs = f"{len(known)} interleaved pairs"
    return [
        Row(
            name=f"… the medians' difference for {name}",
            values=[abs(median(times) - median(known))],
            unit=" ms",
            side=Bar.AT_MOST,
            bar=min(10, 0.05 * median(known)),
            note=pairs,
        ),
        Row(
            name="… and how well one time tells the two apart (AUC)",
            values=[_auc(times, known)],
            side=Bar.AT_MOST,
            bar=0.6,
            note="0.5: not at all",
        ),
    ]


def _auc(some: list[float], others: list[float]) -> float:
    """The chance that the slower of one each is of the kind that is slower on the whole."""
    wins = sum((one > other) + 0.5 * (one == other) for one in some for other in others) / (len(some) * len(others))
    return max(wins, 1 - wins)
