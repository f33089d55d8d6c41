"""The stores as the admin pages see them: looked at seldom, however many ask; an error of a store is a finding."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.assembly import store_checks
from service.assembly.store_checks import AFTER_FAILURE, EVERY, StoreChecks
from service.doctor.finding import Finding, Level, ok
from service.domain.administration.models import StoreFinding
from tests.support import builders
from tests.support.builders import FakeAmbient

GOOD = StoreFinding("postgres", "ok", "18.4", "")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One of them for each look at Postgres. Redis does not answer."""
    made: list[str] = []

    async def of_postgres(*_: object) -> list[Finding]:
        made.append("postgres")
        return [ok("postgres", "18.4")]

    async def of_redis(*_: object) -> list[Finding]:
        raise TimeoutError("redis://user:secret@redis")

    async def of_denylist(*_: object) -> list[Finding]:
        return []

    for name, look in (("of_postgres", of_postgres), ("of_redis", of_redis), ("of_denylist", of_denylist)):
        monkeypatch.setattr(store_checks, name, look)
    return made


def checks(ambient: FakeAmbient, postgres: object) -> StoreChecks:
    backends: Any = SimpleNamespace(postgres=postgres)
    return StoreChecks(builders.settings(), backends, ambient)


async def test_whoever_asks_within_some_seconds_gets_the_same_findings(ambient: FakeAmbient, looks: list[str]) -> None:
    at_work = checks(ambient, object())
    first = await at_work.examine()
    ambient.advance(seconds=EVERY - 1)
    assert await at_work.examine() is first
    assert len(looks) == 1
    ambient.advance(seconds=2)
    await at_work.examine()
    assert len(looks) == 2
    assert AFTER_FAILURE < EVERY


async def test_an_error_is_a_finding_that_quotes_no_address(ambient: FakeAmbient, looks: list[str]) -> None:
    postgres, redis = await checks(ambient, object()).examine()
    assert postgres == GOOD
    assert (redis.check, redis.level) == ("redis", Level.PROBLEM)
    assert "does not answer (TimeoutError)" in redis.state
    assert "secret" not in f"{redis.state} {redis.advice}"


async def test_without_servers_there_is_nothing_to_find(ambient: FakeAmbient, looks: list[str]) -> None:
    assert list(await checks(ambient, None).examine()) == []
    assert looks == []
