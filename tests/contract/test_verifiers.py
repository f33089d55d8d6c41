"""What the store of verifiers for SRP promises, and that of used blocks: in memory, and on real Postgres and Redis."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.backends import AllVerifiers
from service.domain.accounts.ports import Users
from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.sessions.models import PendingRevocation
from service.domain.srp.models import StoredVerifier, VerifiedAccount
from service.stores import srp_verifiers
from service.stores.srp_blocks import RedisUsedBlocks
from service.stores.srp_verifiers import PostgresVerifiers
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import NOON
from tests.support.fake_verifiers import FakeVerifiers
from tests.support.fakes import FakeUsers
from tests.support.postgres import open_postgres

LATER = NOON + timedelta(seconds=1)
NOBODY = UUID(int=0)
Stores = tuple[Users, AllVerifiers]


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stores]:
    monkeypatch.setattr(srp_verifiers, "AT_ONCE", 2)
    if request.param == "fake":
        users = FakeUsers()
        yield users, FakeVerifiers(users)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield PostgresUsers(postgres), PostgresVerifiers(postgres)


async def member(users: Users) -> User:
    person = builders.user(Ambient(), password_changed_at=NOON, created_at=NOON)
    await users.add(person, person.id.bytes)
    return person


def verifier(user: User, sealed: bytes = b"sealed", at: datetime = NOON) -> StoredVerifier:
    return StoredVerifier(user_id=user.id, pool_id="eu_1", salt=b"salt", sealed=sealed, password_changed_at=at)


def change(user: User) -> PendingRevocation:
    return PendingRevocation(Ambient().new_uuid(), user.id, "password_changed", "", LATER)


async def test_an_account_is_found_by_address_and_id_with_its_verifier(stores: Stores) -> None:
    users, verifiers = stores
    ann, bob = await member(users), await member(users)
    assert await verifiers.put(verifier(ann))
    for user, held in ((ann, verifier(ann)), (bob, None)):
        found = VerifiedAccount(user.id, user.canonical_email, held)
        assert await verifiers.by_email(user.canonical_email) == found
        assert await verifiers.by_id(user.id) == found


async def test_nobody_is_nobody(stores: Stores) -> None:
    _, verifiers = stores
    assert await verifiers.by_email("nobody@example.com") is None
    assert await verifiers.by_email(" \0") is None
    assert await verifiers.by_id(NOBODY) is None


async def test_a_verifier_replaces_the_one_before(stores: Stores) -> None:
    users, verifiers = stores
    ann = await member(users)
    await verifiers.put(verifier(ann))
    anew = StoredVerifier(user_id=ann.id, pool_id="eu_2", salt=b"other", sealed=b"anew", password_changed_at=NOON)
    assert await verifiers.put(anew)
    account = await verifiers.by_id(ann.id)
    assert account
    assert account.verifier == anew


async def test_a_verifier_of_an_earlier_password_is_not_shown_nor_stored(stores: Stores) -> None:
    users, verifiers = stores
    ann = await member(users)
    await verifiers.put(verifier(ann))
    assert await users.set_password(ann, "hash", change(ann))
    assert await verifiers.by_email(ann.canonical_email) == VerifiedAccount(ann.id, ann.canonical_email, None)
    assert not await verifiers.put(verifier(ann, b"late"))
    assert await verifiers.put(verifier(ann, b"new", LATER))
    assert not await verifiers.put(verifier(ann, b"late"))
    account = await verifiers.by_id(ann.id)
    assert account
    assert account.verifier == verifier(ann, b"new", LATER)


async def test_a_verifier_goes_with_its_account_and_none_is_stored_after_it(stores: Stores) -> None:
    users, verifiers = stores
    ann = await member(users)
    await verifiers.put(verifier(ann))
    await users.remove(change(ann))
    assert not await verifiers.are_there()
    assert not await verifiers.put(verifier(ann))
    assert not await verifiers.are_there()


async def test_all_are_removed_and_counted(stores: Stores) -> None:
    users, verifiers = stores
    assert not await verifiers.are_there()
    for _ in range(5):
        await verifiers.put(verifier(await member(users)))
    assert await verifiers.are_there()
    assert await verifiers.remove_all() == 5
    assert not await verifiers.are_there()
    assert await verifiers.remove_all() == 0


async def test_seals_are_shown_in_the_order_of_their_users(stores: Stores) -> None:
    users, verifiers = stores
    members = [await member(users) for _ in range(5)]
    for user in members:
        await verifiers.put(verifier(user))
    first = await verifiers.sealed_verifiers(NOBODY, 3)
    rest = await verifiers.sealed_verifiers(first[-1].user_id, 3)
    assert [*first, *rest] == [Sealed(user_id, b"sealed", "eu_1") for user_id in sorted(user.id for user in members)]


async def test_a_seal_that_was_replaced_meanwhile_is_not_resealed(stores: Stores) -> None:
    users, verifiers = stores
    ann, bob = await member(users), await member(users)
    await verifiers.put(verifier(ann, b"other"))
    await verifiers.put(verifier(bob))
    changes = [Resealing(user.id, b"sealed", b"anew") for user in (ann, bob)]
    assert await verifiers.reseal_verifiers(changes) == 1
    assert {one.sealed for one in await verifiers.sealed_verifiers(NOBODY, 9)} == {b"other", b"anew"}


async def test_of_all_uses_of_a_block_one_is_the_first_and_it_is_forgotten(redis_client: Redis) -> None:
    used = RedisUsedBlocks(redis_client)
    assert await used.add("digest", timedelta(minutes=4))
    assert not await used.add("digest", timedelta(minutes=4))
    assert await used.add("another", timedelta(minutes=4))
    assert [0 < await redis_client.pttl(key) <= 240_000 async for key in redis_client.scan_iter()] == [True, True]
