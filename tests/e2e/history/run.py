"""One run: people use the service while named things break, and their history is judged."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from asyncpg import PostgresError
from redis.exceptions import RedisError

from service.embedded import EmbeddedPostgres
from tests.e2e.history.grounds import GROUNDS, Ground
from tests.e2e.history.judge import Judge, Rules, Violation
from tests.e2e.history.nemeses import nemesis
from tests.e2e.history.pace import TAKES_OVER, traffic
from tests.e2e.history.people import Guesser, Person, Town, pry_until
from tests.e2e.history.record import History
from tests.support.waiting import until

PEOPLE = 8
PRYING = 3
SHOWN = 12  # violations in a report


@dataclass(frozen=True)
class Plan:
    ground: str
    nemeses: Sequence[str]
    seed: int = 0
    rotation: bool = False

    def with_seed(self, seed: int) -> "Plan":
        return replace(self, seed=seed)

    def __str__(self) -> str:
        return (
            f"{self.ground}, rotation {'on' if self.rotation else 'off'}, seed {self.seed}: {', '.join(self.nemeses)}"
        )


@dataclass
class Report:
    plan: Plan
    history: History
    trouble: str = ""  # what kept the run from coming to its end
    violations: list[Violation] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = Counter((one.kind, one.status) for one in self.history.operations)
        counts = Counter(one.invariant for one in self.violations)
        lines = [
            f"  {len(self.history.operations)} operations: "
            + ", ".join(f"{count} x {kind} {status}" for (kind, status), count in sorted(kinds.items())),
            *(f"  {fault.name}: unavailable for {seconds:.1f} s" for fault, seconds in self.history.outages()),
            *([f"  stopped: {self.trouble}"] if self.trouble else []),
            f"  {len(self.violations)} violations" + "".join(f", {n} of ({i})" for i, n in sorted(counts.items())),
        ]
        began = min((one.began for one in self.history.operations), default=0.0)
        lines += [
            f"    {fault.name}: {fault.began - began:.2f} to {fault.ended - began:.2f}" for fault in self.history.faults
        ]
        lines += [f"    {one.told(began)}" for one in self._shown()]
        return "\n".join(lines)

    def _shown(self) -> list[Violation]:
        """Some of each invariant."""
        share = max(1, SHOWN // max(1, len({one.invariant for one in self.violations})))
        seen: Counter[int] = Counter()
        shown = []
        for one in self.violations:
            seen[one.invariant] += 1
            if seen[one.invariant] <= share:
                shown.append(one)
        return shown


async def carry_out(plan: Plan, directory: Path, postgres: EmbeddedPostgres) -> Report:
    settings = {"TOKENHOUSE_TOKENS__REFRESH_ROTATION": "true" if plan.rotation else "false"}
    async with GROUNDS[plan.ground](directory, postgres, plan.seed, **settings) as ground:
        town = Town(ground.fleet, ground.history, ground.dice)
        report = Report(plan, ground.history)
        people = [Person(town, number) for number in range(PEOPLE)]
        stop = asyncio.Event()
        living = [asyncio.create_task(one.live_until(stop)) for one in people]
        living.append(asyncio.create_task(Guesser(town, 0).guess_until(stop)))
        living += [asyncio.create_task(pry_until(town, stop)) for _ in range(PRYING)]
        name = "the beginning"
        try:
            await traffic(ground)
            for name in plan.nemeses:
                await nemesis(plan.ground, name)(ground)
                await ground.fleet.all_ready()
                await traffic(ground)
        except (RedisError, PostgresError, OSError) as error:  # TimeoutError too: what is waited for does not come
            report.trouble = f"{name}: {error!r}; ready: {sorted(ground.fleet.ready)}"
        finally:
            stop.set()
            await asyncio.gather(*living)
        await _ask_once_more(ground, town, people)
        report.violations = Judge(ground.history, Rules(rotation=plan.rotation)).violations()
        return report


async def _ask_once_more(ground: Ground, town: Town, people: Sequence[Person]) -> None:
    """Nothing is broken any more: every ended session everywhere, and every live one."""

    async def is_known(kept: dict[str, object], number: int) -> bool:
        return await town.try_what_is_over(kept, number) != 503

    for kept in town.over:
        for number in ground.fleet.numbers:
            with suppress(TimeoutError):
                await until(lambda kept=kept, number=number: is_known(kept, number), within=TAKES_OVER)  # type: ignore[misc] # mypy cannot infer it
    for person in people:
        for session in list(person.held):
            await person.refresh(session)
