"""What an instance does in the background, in the process that serves."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import pytest
from aiohttp import ClientSession

from service.commands import instance, serve
from service.domain.accounts.named_key_uses import NamedKeyUses
from service.domain.events import audit_trail
from service.domain.operations import background
from service.domain.operations.readiness import Readiness
from service.domain.sessions import user_revocation
from service.domain.sessions.revocation import SessionRevocation
from service.domain.signing import key_rotation
from service.embedded import Stores
from service.settings import Settings
from service.stores.audit import PostgresAuditTrail
from service.telemetry.metrics.loop_lag import LoopLag
from tests.conftest import real_settings
from tests.support.ports import free_port
from tests.support.waiting import until

LOOPS = [
    (audit_trail.Audit, "run_forever", "audit"),
    (key_rotation.KeyRotation, "run_forever", "keys"),
    (user_revocation.UserRevocation, "run_forever", "endings"),
    (SessionRevocation, "run_forever", "denylist"),
    (LoopLag, "run_forever", "loop-lag"),
    (instance, "delete_expired_forever", "tidy"),
    (instance, "reload_when_told", "reload"),
    (Readiness, "run_forever", "clock"),
    (NamedKeyUses, "run_forever", "api-key-uses"),
]
FAILURES = re.compile(r'^tokenhouse_background_failures_total\{task="([a-z-]+)"\} ([\d.]+)$', re.MULTILINE)


@pytest.fixture
def settings(embedded: Stores, redis: object, database: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(instance, "_spare_the_collector", lambda: None)  # it is of this process
    monkeypatch.setattr(background, "SHORTEST", 0.01)
    return real_settings(embedded, server={"port": 0}, metrics={"port": free_port()})


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    ready = asyncio.Event()
    running = asyncio.create_task(serve.serve(settings, lambda _: ready.set(), reload=lambda: settings))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert ready.is_set()
        yield
    finally:
        waiting.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def failures(settings: Settings) -> dict[str, float]:
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{settings.metrics.port}/metrics") as answer:
        return {task: float(count) for task, count in FAILURES.findall(await answer.text())}


async def test_every_loop_that_dies_is_started_again_and_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = dict.fromkeys((task for *_, task in LOOPS), 0)

    def dying(task: str) -> object:
        async def run(*_: object) -> None:
            started[task] += 1
            if started[task] == 1:
                raise ValueError
            await asyncio.Event().wait()

        return run

    for owner, name, task in LOOPS:
        monkeypatch.setattr(owner, name, dying(task))

    async def all_again() -> bool:
        return set(started.values()) == {2}

    async with serving(settings):
        await until(all_again, within=60)
        counted = await failures(settings)
    assert counted == {task: float(task in started) for task in background.TASKS}


async def test_a_table_that_cannot_be_tidied_keeps_no_other_from_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied = []

    async def broken(_: SessionRevocation) -> None:
        raise LookupError

    async def delete_expired(_: PostgresAuditTrail, before: datetime) -> None:
        tidied.append(before)

    monkeypatch.setattr(instance, "DELETE_EVERY", 0.01)
    monkeypatch.setattr(SessionRevocation, "delete_expired", broken)
    monkeypatch.setattr(PostgresAuditTrail, "delete_expired", delete_expired)

    async def went_on() -> bool:
        return len(tidied) > 2

    async with serving(settings):
        await until(went_on, within=60)
        counted = await failures(settings)
    assert counted["tidy-revocations"] > 2
    assert (counted["tidy-audit"], counted["tidy"]) == (0, 0)
