"""What the stores of passkeys promise, in memory and on real servers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from service.assembly.backends import AllPasskeys, SecondFactorStore
from service.domain.accounts.ports import Added, Users
from service.domain.models import User
from service.domain.second_factors.models import ConfirmedTotp, HeldFactors, Passkey
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.ports import PendingRevocations
from service.embedded import Stores
from service.stores.passkeys import PostgresPasskeys, RedisPasskeyChallenges
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.scripts import Scripts
from service.stores.second_factors import PostgresSecondFactors
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_passkeys import FakePasskeys
from tests.support.fakes import FakePendingRevocations, FakeUsers
from tests.support.postgres import open_postgres

CODES = [b"one", b"two"]
MOST = 3


@dataclass(frozen=True)
class Ground:
    users: Users
    factors: SecondFactorStore
    passkeys: AllPasskeys
    pending: PendingRevocations
    ambient: FakeAmbient

    async def member(self) -> User:
        user = builders.user(self.ambient)
        await self.users.add(user, user.id.bytes)
        return user

    def ending(self, user: User) -> PendingRevocation:
        return PendingRevocation(self.ambient.new_uuid(), user.id, "factor_added", "kept")

    def passkey(self, user: User, **fields: Any) -> Passkey:
        made: dict[str, Any] = {
            "id": self.ambient.random_bytes(20),
            "user_id": user.id,
            "name": "Gr\u00e4ce's phone",
            "public_key": b"\0\xff key",
            "sign_count": 0,
            "backed_up": False,
            "transports": ("hybrid", "internal"),
            "aaguid": self.ambient.new_uuid(),
            "rp_id": "example.com",
            "created_at": self.ambient.now(),
        }
        return Passkey(**(made | fields))

    async def add(self, passkey: Passkey, user: User) -> Added:
        return await self.passkeys.add(passkey, MOST, CODES, self.ending(user))

    async def since(self, user: User) -> object:
        row = await self.users.by_id(user.id)
        return row.second_factor_since if row else "gone"


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest, ambient: FakeAmbient) -> AsyncIterator[Ground]:
    if request.param == "fake":
        pending = FakePendingRevocations(ambient)
        users = FakeUsers(pending)
        factors = FakeSecondFactors(users)
        yield Ground(users, factors, FakePasskeys(factors), pending, ambient)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield Ground(
                PostgresUsers(postgres),
                PostgresSecondFactors(postgres),
                PostgresPasskeys(postgres),
                PostgresPendingRevocations(postgres),
                ambient,
            )


async def test_the_first_brings_recovery_codes_and_the_mark(ground: Ground) -> None:
    user = await ground.member()
    passkey = ground.passkey(user)
    assert await ground.add(passkey, user) is Added.FIRST
    found = await ground.passkeys.find(passkey.id)
    assert found
    assert found[0] == passkey
    assert found[1].id == user.id
    assert await ground.since(user) == passkey.created_at
    assert await ground.factors.of_user(user.id) == HeldFactors(None, 1, 2)


async def test_a_further_one_changes_neither(ground: Ground) -> None:
    user = await ground.member()
    await ground.add(ground.passkey(user), user)
    since = await ground.since(user)
    ground.ambient.advance(minutes=1)
    added = await ground.passkeys.add(ground.passkey(user), MOST, [b"others"], ground.ending(user))
    assert added is Added.FURTHER
    assert await ground.since(user) == since
    assert await ground.factors.use_recovery_code(user.id, [b"one"])
    assert not await ground.factors.use_recovery_code(user.id, [b"others"])


async def test_after_an_app_it_is_not_the_first(ground: Ground) -> None:
    user = await ground.member()
    totp = ConfirmedTotp(user_id=user.id, secret_sealed=b"x", confirmed_at=ground.ambient.now(), step=7)
    assert await ground.factors.add_totp(totp, [b"of the app"], ground.ending(user))
    assert await ground.add(ground.passkey(user), user) is Added.FURTHER
    assert await ground.factors.of_user(user.id) == HeldFactors(ground.ambient.now(), 1, 1)
    assert await ground.factors.remove_totp(user.id)
    assert await ground.factors.of_user(user.id) == HeldFactors(None, 1, 1)
    assert await ground.since(user) is not None


async def test_of_parallel_ones_as_many_are_stored_as_there_is_room_for(ground: Ground) -> None:
    user = await ground.member()
    added = await asyncio.gather(*(ground.add(ground.passkey(user), user) for _ in range(6)))
    assert sorted(one.name for one in added) == ["FIRST", "FURTHER", "FURTHER", "TOO_MANY", "TOO_MANY", "TOO_MANY"]
    assert len(await ground.passkeys.of_user(user.id)) == MOST


async def test_a_passkey_has_one_owner(ground: Ground) -> None:
    user, other = await ground.member(), await ground.member()
    passkey = ground.passkey(user)
    await ground.add(passkey, user)
    copied = replace(passkey, user_id=other.id, public_key=b"mine now")
    assert await ground.add(copied, other) is Added.EXISTS
    assert await ground.since(other) is None
    assert await ground.factors.of_user(other.id) == HeldFactors()
    assert await ground.passkeys.of_user(user.id) == [passkey]


async def test_nobody_who_is_gone_gets_one(ground: Ground) -> None:
    stranger = builders.user(ground.ambient)
    assert await ground.add(ground.passkey(stranger), stranger) is Added.TOO_MANY
    assert await ground.passkeys.find(b"unknown") is None


@pytest.mark.parametrize(
    ("held", "shown", "is_used"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False), (0, 2**32 - 1, True)],
)
async def test_a_counter_only_goes_forward(ground: Ground, held: int, shown: int, *, is_used: bool) -> None:
    user = await ground.member()
    passkey = ground.passkey(user, sign_count=held)
    await ground.add(passkey, user)
    later = ground.ambient.now() + timedelta(minutes=1)
    assert await ground.passkeys.use(passkey.id, shown, later, backed_up=True) is is_used
    expected = replace(passkey, sign_count=shown, last_used_at=later, backed_up=True) if is_used else passkey
    assert await ground.passkeys.of_user(user.id) == [expected]


async def test_of_parallel_uses_with_one_counter_one_is_good(ground: Ground) -> None:
    user = await ground.member()
    passkey = ground.passkey(user, sign_count=5)
    await ground.add(passkey, user)
    uses = (ground.passkeys.use(passkey.id, 6, ground.ambient.now(), backed_up=False) for _ in range(20))
    assert sum(await asyncio.gather(*uses)) == 1


async def test_using_what_is_gone_is_no_use(ground: Ground) -> None:
    assert not await ground.passkeys.use(b"gone", 1, ground.ambient.now(), backed_up=False)


async def test_only_its_owner_names_and_removes_it(ground: Ground) -> None:
    user, other = await ground.member(), await ground.member()
    passkey = ground.passkey(user)
    await ground.add(passkey, user)
    assert not await ground.passkeys.rename(other.id, passkey.id, "x")
    assert not await ground.passkeys.remove(other.id, passkey.id)
    assert await ground.passkeys.rename(user.id, passkey.id, "Old phone")
    assert await ground.passkeys.of_user(user.id) == [replace(passkey, name="Old phone")]


async def test_the_last_one_takes_the_recovery_codes_and_the_mark_with_it(ground: Ground) -> None:
    user, other = await ground.member(), await ground.member()
    first, last = ground.passkey(user), ground.passkey(user)
    await ground.add(ground.passkey(other), other)
    for one in (first, last):
        await ground.add(one, user)
    assert await ground.passkeys.remove(user.id, first.id)
    assert await ground.factors.of_user(user.id) == HeldFactors(None, 1, 2)
    assert await ground.since(user) is not None
    assert await ground.passkeys.remove(user.id, last.id)
    assert not await ground.passkeys.remove(user.id, last.id)
    assert await ground.factors.of_user(user.id) == HeldFactors()
    assert await ground.since(user) is None
    assert await ground.factors.of_user(other.id) == HeldFactors(None, 1, 2)


async def test_an_account_that_is_closed_takes_them_with_it(ground: Ground) -> None:
    user = await ground.member()
    passkey = ground.passkey(user)
    await ground.add(passkey, user)
    await ground.users.remove(PendingRevocation(ground.ambient.new_uuid(), user.id, "account_closed"))
    assert await ground.passkeys.find(passkey.id) is None


async def test_the_doctor_is_told_of_passkeys_that_nobody_can_use(embedded: Stores, ambient: FakeAmbient) -> None:
    async with open_postgres(embedded) as postgres:
        users, passkeys = PostgresUsers(postgres), PostgresPasskeys(postgres)
        ground = Ground(users, PostgresSecondFactors(postgres), passkeys, PostgresPendingRevocations(postgres), ambient)
        user = await ground.member()
        assert await passkeys.are_there("m.example") == (False, False)
        await ground.add(ground.passkey(user, rp_id="m.example"), user)
        assert await passkeys.are_there("m.example") == (True, False)
        for other in ("a.example", "z.example"):
            assert await passkeys.are_there(other) == (False, True)
            await ground.add(ground.passkey(user, rp_id=other), user)
            assert await passkeys.are_there("m.example") == (True, True)


# --- challenges


async def test_a_challenge_is_taken_once(redis_client: Redis) -> None:
    challenges = RedisPasskeyChallenges(redis_client, Scripts(redis_client))
    await challenges.add("digest", "registration:x", timedelta(minutes=5))
    assert await challenges.take("another") is None
    taken = await asyncio.gather(*(challenges.take("digest") for _ in range(10)))
    assert [one for one in taken if one] == ["registration:x"]


async def test_a_challenge_expires_by_itself(redis_client: Redis) -> None:
    challenges = RedisPasskeyChallenges(redis_client, Scripts(redis_client))
    await challenges.add("digest", "assertion:", timedelta(minutes=5))
    [key] = await redis_client.keys()
    assert 240_000 < await redis_client.pttl(key) <= 300_000
