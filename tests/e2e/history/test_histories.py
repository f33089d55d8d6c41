"""People use the service while it breaks, and what they were told is judged afterwards."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.embedded import EmbeddedPostgres, binaries
from tests.e2e.history.grounds import one_postgres
from tests.e2e.history.nemeses import NEMESES
from tests.e2e.history.run import Plan, carry_out

NAMED = [(ground, one.__name__) for ground, nemeses in NEMESES.items() for one in nemeses]
IDS = [f"{ground}: {name}" for ground, name in NAMED]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with one_postgres(tmp_path_factory.mktemp("history")) as server:
        yield server


def chosen_seed() -> int:
    """SEED in the environment repeats a run."""
    return int(os.environ.get("SEED") or random.randrange(10**6))  # noqa: S311 - chosen, not secret


async def judged(plan: Plan, directory: Path, postgres: EmbeddedPostgres) -> None:
    print(plan)  # noqa: T201 - pytest shows the seed when anything fails
    report = await carry_out(plan, directory, postgres)
    assert not report.violations, f"{plan}\n{report}"
    assert not report.trouble, f"{plan}\n{report}"


@pytest.mark.parametrize(
    "plan",
    [
        Plan("one redis", ["redis_emptied", "postgres_restarted"], rotation=True),
        Plan("sentinels", ["planned_failover"]),
    ],
    ids=lambda plan: plan.ground,
)
async def test_no_promise_is_broken_in_a_short_history(plan: Plan, tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    await judged(plan.with_seed(chosen_seed()), tmp_path, postgres)


@pytest.mark.faults
@pytest.mark.parametrize("rotation", ["rotation off", "rotation on"])
@pytest.mark.parametrize(("ground", "name"), NAMED, ids=IDS)
async def test_no_promise_is_broken(
    ground: str, name: str, rotation: str, tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    if ground == "two postgres" and not (binaries.find_postgres() / "pg_basebackup").exists():
        pytest.skip("this Postgres has no pg_basebackup")
    await judged(Plan(ground, [name], chosen_seed(), rotation == "rotation on"), tmp_path, postgres)
