"""What the memory of unfinished endings promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from service.domain.models import User
from service.domain.sessions.models import PendingRevocation
from tests.contract.conftest import Memory
from tests.support import builders
from tests.support.builders import FakeAmbient

SOON = timedelta(seconds=3)


@pytest.fixture
async def grace(memory: Memory, ambient: FakeAmbient) -> User:
    grace = builders.user(ambient)
    await memory.users.add(grace, b"digest")
    return grace


def ending_of(
    user: User, reason: str = "password_changed", kept_session: str = "", changed_at: datetime | None = None
) -> PendingRevocation:
    return PendingRevocation(FakeAmbient().new_uuid(), user.id, reason, kept_session, changed_at)


async def left(memory: Memory) -> Sequence[PendingRevocation]:
    """What another instance would take over."""
    await memory.advance(SOON)
    return await memory.pending.take_over()


async def test_what_nobody_finished_is_taken_over_by_one_instance_at_a_time(memory: Memory, grace: User) -> None:
    ending = ending_of(grace, kept_session="kept")
    await memory.pending.add(ending)
    assert list(await memory.pending.take_over()) == []  # whoever entered it has some seconds
    await memory.advance(SOON)
    both = await asyncio.gather(memory.pending.take_over(), memory.pending.take_over())
    (taken,) = [one for found in both for one in found]
    assert (taken.id, taken.user_id, taken.reason, taken.kept_session) == (
        ending.id,
        grace.id,
        "password_changed",
        "kept",
    )
    assert taken.asked_at
    assert [one.id for one in await left(memory)] == [ending.id]  # the one that took it over died too
    await memory.pending.remove(ending.id)
    assert list(await left(memory)) == []


async def test_a_password_is_changed_with_its_ending(memory: Memory, grace: User, ambient: FakeAmbient) -> None:
    ending = ending_of(grace, changed_at=ambient.now() + SOON)
    assert await memory.users.set_password(grace, "new", ending)
    changed = await memory.users.by_id(grace.id)
    assert changed
    assert (changed.password_hash, changed.password_changed_at) == ("new", ending.password_changed_at)
    (found,) = await left(memory)
    assert (found.id, found.password_changed_at) == (ending.id, ending.password_changed_at)


async def test_a_change_that_lost_a_race_enters_no_ending(memory: Memory, grace: User, ambient: FakeAmbient) -> None:
    won = ending_of(grace, changed_at=ambient.now() + SOON)
    assert await memory.users.set_password(grace, "new", won)
    late = ending_of(grace, changed_at=ambient.now() + 2 * SOON)
    assert not await memory.users.set_password(grace, "newer", late)
    assert [one.id for one in await left(memory)] == [won.id]


async def test_an_account_is_disabled_or_removed_with_its_ending(
    memory: Memory, grace: User, ambient: FakeAmbient
) -> None:
    disabled, removed = ending_of(grace, "account_disabled"), ending_of(grace, "account_closed")
    await memory.users.disable(ambient.now(), disabled)
    await memory.users.remove(removed)
    assert await memory.users.by_id(grace.id) is None
    assert {one.id for one in await left(memory)} == {disabled.id, removed.id}
