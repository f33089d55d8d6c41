"""What the store of named API keys promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.accounts.ports import NamedApiKeyStore, Users
from service.domain.models import NamedApiKey, User
from service.domain.sessions.models import PendingRevocation
from service.embedded import Stores
from service.settings import DatabaseSettings
from service.stores.account_lock import LOCK
from service.stores.named_api_keys import PostgresNamedApiKeys
from service.stores.postgres import Postgres
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeUsers
from tests.support.named_api_keys import FakeNamedApiKeys
from tests.support.postgres import open_postgres
from tests.support.waiting import PATIENCE, until

MOST = 3


@dataclass(frozen=True)
class Ground:
    users: Users
    keys: NamedApiKeyStore


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "fake":
        users = FakeUsers()
        yield Ground(users, FakeNamedApiKeys(users))
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield Ground(PostgresUsers(postgres), PostgresNamedApiKeys(postgres))


@pytest.fixture
async def grace(ground: Ground, ambient: FakeAmbient) -> User:
    return await added(ground, ambient)


async def added(ground: Ground, ambient: FakeAmbient) -> User:
    user = builders.user(ambient)
    await ground.users.add(user, user.id.bytes)
    return user


def key_of(user: User, ambient: FakeAmbient, **fields: Any) -> NamedApiKey:
    made: dict[str, Any] = {
        "id": ambient.new_uuid(),
        "user_id": user.id,
        "name": "Gr\u00e4ce's key",
        "prefix": "nk_12345678",
        "scopes": ("b", "a"),
        "rate": "60/1m",
        "created_at": ambient.now(),
        "expires_at": ambient.now() + timedelta(hours=1),
    }
    return NamedApiKey(**(made | fields))


async def test_a_key_is_found_by_its_digest_with_its_owner(ground: Ground, grace: User, ambient: FakeAmbient) -> None:
    key, other = key_of(grace, ambient), key_of(grace, ambient, rate=None, expires_at=None, scopes=())
    assert await ground.keys.add(key, b"one\0\xff", MOST, session_id="")
    assert await ground.keys.add(other, b"two", MOST, session_id="")
    assert await ground.keys.by_digest(b"one\0\xff") == (key, grace)
    assert await ground.keys.by_digest(b"two") == (other, grace)
    assert await ground.keys.by_digest(b"three") is None


async def test_many_who_ask_at_once_are_not_mixed_up(ground: Ground, ambient: FakeAmbient) -> None:
    held = []
    for number in range(5):
        user = await added(ground, ambient)
        key = key_of(user, ambient)
        await ground.keys.add(key, bytes([number]), MOST, session_id="")
        held.append((key, user))
    asked = [0, 4, 9, 2, 0]
    found = await asyncio.gather(*(ground.keys.by_digest(bytes([number])) for number in asked))
    assert list(found) == [held[number] if number < 5 else None for number in asked]


async def test_they_are_listed_from_the_oldest_on(ground: Ground, grace: User, ambient: FakeAmbient) -> None:
    other = await added(ground, ambient)
    keys = []
    for number in range(MOST):
        ambient.advance(seconds=1)
        keys.append(key_of(grace, ambient))
        await ground.keys.add(keys[-1], bytes([number]), MOST, session_id="")
    await ground.keys.add(key_of(other, ambient), b"of another", MOST, session_id="")
    assert await ground.keys.all_of(grace.id) == keys
    assert await ground.keys.all_of(ambient.new_uuid()) == []


async def test_of_parallel_ones_as_many_are_stored_as_there_is_room_for(
    ground: Ground, grace: User, ambient: FakeAmbient
) -> None:
    keys = [key_of(grace, ambient) for _ in range(8)]
    stored = await asyncio.gather(*(ground.keys.add(one, one.id.bytes, MOST, session_id="") for one in keys))
    assert sum(stored) == MOST
    assert {one.id for one in await ground.keys.all_of(grace.id)} == {
        one.id for one, is_stored in zip(keys, stored, strict=True) if is_stored
    }


async def test_an_expired_key_makes_room_for_the_next(ground: Ground, grace: User, ambient: FakeAmbient) -> None:
    other = await added(ground, ambient)
    for user in (grace, other):
        for number in range(MOST):
            key = key_of(user, ambient, expires_at=ambient.now() + timedelta(minutes=number + 1))
            assert await ground.keys.add(key, key.id.bytes, MOST, session_id="")
    ambient.advance(minutes=2)
    assert len(await ground.keys.all_of(grace.id)) == MOST
    fresh = key_of(grace, ambient)
    assert await ground.keys.add(fresh, b"fresh", MOST, session_id="")
    assert len(await ground.keys.all_of(grace.id)) == 2
    assert len(await ground.keys.all_of(other.id)) == MOST


async def test_nobody_s_key_is_not_stored(ground: Ground, ambient: FakeAmbient) -> None:
    assert not await ground.keys.add(key_of(builders.user(ambient), ambient), b"x", MOST, session_id="")


async def test_only_its_owner_removes_a_key(ground: Ground, grace: User, ambient: FakeAmbient) -> None:
    other, key = await added(ground, ambient), key_of(grace, ambient)
    await ground.keys.add(key, b"one", MOST, session_id="")
    assert not await ground.keys.remove(other.id, key.id)
    assert await ground.keys.by_digest(b"one")
    assert await ground.keys.remove(grace.id, key.id)
    assert not await ground.keys.remove(grace.id, key.id)
    assert await ground.keys.by_digest(b"one") is None


async def test_an_account_that_is_closed_takes_its_keys_with_it(
    ground: Ground, grace: User, ambient: FakeAmbient
) -> None:
    await ground.keys.add(key_of(grace, ambient), b"one", MOST, session_id="")
    await ground.users.remove(PendingRevocation(ambient.new_uuid(), grace.id, "account_closed"))
    assert await ground.keys.by_digest(b"one") is None
    assert await ground.keys.all_of(grace.id) == []


async def test_the_last_use_moves_forward_only(ground: Ground, grace: User, ambient: FakeAmbient) -> None:
    key, other = key_of(grace, ambient), key_of(grace, ambient)
    await ground.keys.add(key, b"one", MOST, session_id="")
    await ground.keys.add(other, b"two", MOST, session_id="")
    now, gone = ambient.now(), ambient.new_uuid()
    for used in (now, now - timedelta(minutes=1), now + timedelta(minutes=1), now):
        await ground.keys.note_uses({key.id: used, gone: used})
    shown = {one.id: one.last_used_at for one in await ground.keys.all_of(grace.id)}
    assert shown == {key.id: now + timedelta(minutes=1), other.id: None}
    found = await ground.keys.by_digest(b"one")
    assert found
    assert found[0] == replace(key, last_used_at=now + timedelta(minutes=1))


async def test_instances_that_write_the_same_uses_in_other_orders_do_not_block_each_other(
    ground: Ground, grace: User, ambient: FakeAmbient
) -> None:
    keys = [key_of(grace, ambient) for _ in range(30)]
    for one in keys:
        await ground.keys.add(one, one.id.bytes, len(keys), session_id="")
    there, back = ({one.id: ambient.now() for one in order} for order in (keys, keys[::-1]))
    await asyncio.gather(*(ground.keys.note_uses(uses) for uses in (there, back) * 5))
    assert {one.last_used_at for one in await ground.keys.all_of(grace.id)} == {ambient.now()}


async def test_whoever_adds_waits_for_the_one_before_and_counts_again(embedded: Stores, ambient: FakeAmbient) -> None:
    """Two begin at the same moment, with room for one: a count of what was there then would let both in."""
    async with open_postgres(embedded) as postgres:
        url = embedded.postgres.url
        patient = Postgres(DatabaseSettings.model_validate({"url": url, "command_timeout": f"{PATIENCE:.0f}s"}))
        await patient.open()
        ground = Ground(PostgresUsers(postgres), PostgresNamedApiKeys(patient))
        user = await added(ground, ambient)
        adding: list[asyncio.Future[bool]] = []
        async with postgres.connection() as connection, connection.transaction():
            await connection.execute(LOCK, user.id)
            adds = (ground.keys.add(key_of(user, ambient), bytes([number]), 1, session_id="") for number in range(2))
            adding.extend(map(asyncio.ensure_future, adds))

            async def both_wait() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                return any(one.done() for one in adding) or await connection.fetchval(waiting) >= 2

            await until(both_wait)
            assert not any(one.done() for one in adding)
        assert sorted(await asyncio.gather(*adding)) == [False, True]
        await patient.close()
