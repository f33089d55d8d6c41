"""What the stores of second factors promise, in memory and on real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis

from service.ambient import Ambient
from service.assembly.backends import SecondFactorStore
from service.domain.accounts.ports import LastFactorError, PasskeyChanges, Users
from service.domain.models import User
from service.domain.operations.models import Resealing
from service.domain.second_factors.models import ConfirmedTotp, HeldFactors, Passkey
from service.domain.sessions.models import PendingRevocation
from service.stores import redis_keys
from service.stores.challenges import RedisChallenges, RedisEnrolments
from service.stores.passkeys import PostgresPasskeys
from service.stores.scripts import Scripts
from service.stores.second_factors import PostgresSecondFactors
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import NOON, FakeAmbient
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_passkeys import FakePasskeys
from tests.support.fakes import FakePendingRevocations, FakeUsers
from tests.support.postgres import open_postgres

DIGESTS = [b"one", b"two", b"three"]
FIVE = timedelta(minutes=5)


@dataclass(frozen=True)
class Tables:
    factors: SecondFactorStore
    users: Users
    passkeys: PasskeyChanges
    endings: Callable[[], Awaitable[int]]

    async def member(self) -> User:
        user = builders.user(Ambient())
        await self.users.add(user, user.id.bytes)
        return user

    async def since(self, user: User) -> object:
        row = await self.users.by_id(user.id)
        return row.second_factor_since if row else "gone"


@pytest.fixture(params=["fake", "postgres"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    if request.param == "fake":
        ambient = FakeAmbient()
        pending = FakePendingRevocations(ambient)
        users = FakeUsers(pending)

        async def rows() -> int:
            return len(pending.rows)

        factors = FakeSecondFactors(users)
        yield Tables(factors, users, FakePasskeys(factors), rows)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:

            async def endings() -> int:
                row = await postgres.fetchrow("SELECT count(*) FROM pending_endings")
                return int(row["count"]) if row else 0

            users_of_postgres, passkeys = PostgresUsers(postgres), PostgresPasskeys(postgres)
            yield Tables(PostgresSecondFactors(postgres), users_of_postgres, passkeys, endings)


def confirmed(user: User, step: int = 100) -> ConfirmedTotp:
    return ConfirmedTotp(user_id=user.id, secret_sealed=b"sealed\0", confirmed_at=NOON, step=step)


def a_passkey(user: User) -> Passkey:
    return Passkey(
        id=user.id.bytes,
        user_id=user.id,
        name="phone",
        public_key=b"key",
        sign_count=0,
        backed_up=False,
        transports=(),
        aaguid=user.id,
        rp_id="localhost",
        created_at=NOON,
    )


def ending(user: User) -> PendingRevocation:
    return PendingRevocation(Ambient().new_uuid(), user.id, "factor_added", "kept")


async def test_totp_is_added_with_its_recovery_codes_and_the_account_is_marked(tables: Tables) -> None:
    user = await tables.member()
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.factors.totp_secret(user.id) is None
    assert await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 3)
    assert await tables.factors.totp_secret(user.id) == b"sealed\0"
    assert await tables.since(user) == NOON
    assert await tables.endings() == 1


async def test_a_second_totp_changes_nothing(tables: Tables) -> None:
    user = await tables.member()
    assert await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    other = ConfirmedTotp(user_id=user.id, secret_sealed=b"other", confirmed_at=NOON + FIVE, step=1)
    assert not await tables.factors.add_totp(other, [b"four"], ending(user))
    assert await tables.factors.totp_secret(user.id) == b"sealed\0"
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 3)
    assert not await tables.factors.use_recovery_code(user.id, [b"four"])
    assert await tables.endings() == 1


async def test_of_two_enrolments_at_once_one_is_there(tables: Tables) -> None:
    user = await tables.member()
    adding = (tables.factors.add_totp(confirmed(user), [bytes([number])], ending(user)) for number in range(10))
    assert sorted(await asyncio.gather(*adding)) == [False] * 9 + [True]
    assert (await tables.factors.of_user(user.id)).recovery_codes_left == 1


async def test_a_step_is_used_once_and_takes_the_earlier_ones_with_it(tables: Tables) -> None:
    user, other = await tables.member(), await tables.member()
    await tables.factors.add_totp(confirmed(user, step=100), DIGESTS, ending(user))
    await tables.factors.add_totp(confirmed(other, step=100), DIGESTS, ending(other))
    used = [await tables.factors.use_step(user.id, step) for step in (100, 99, 102, 101, 102, 103)]
    assert used == [False, False, True, False, False, True]
    assert await tables.factors.use_step(other.id, 101)
    assert not await tables.factors.use_step(Ambient().new_uuid(), 101)


async def test_of_uses_of_one_step_at_once_one_succeeds(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    used = await asyncio.gather(*(tables.factors.use_step(user.id, 101) for _ in range(50)))
    assert sum(used) == 1


async def test_a_recovery_code_is_used_once_by_its_owner_under_any_secret(tables: Tables) -> None:
    user, other = await tables.member(), await tables.member()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert not await tables.factors.use_recovery_code(other.id, [b"one"])
    assert not await tables.factors.use_recovery_code(user.id, [b"unknown"])
    assert not await tables.factors.use_recovery_code(user.id, [])
    used = await asyncio.gather(*(tables.factors.use_recovery_code(user.id, [b"x", b"one"]) for _ in range(50)))
    assert sum(used) == 1
    assert (await tables.factors.of_user(user.id)).recovery_codes_left == 2


async def test_recovery_codes_are_replaced_as_a_set_and_only_where_there_is_a_factor(tables: Tables) -> None:
    user = await tables.member()
    assert not await tables.factors.replace_recovery_codes(user.id, DIGESTS, session_id="")
    assert await tables.factors.of_user(user.id) == HeldFactors()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert await tables.factors.replace_recovery_codes(user.id, [b"three", b"four"], session_id="")
    assert not await tables.factors.use_recovery_code(user.id, [b"one"])
    assert await tables.factors.use_recovery_code(user.id, [b"three"])
    assert await tables.factors.use_recovery_code(user.id, [b"four"])


async def test_changes_at_once_leave_what_one_of_them_made(tables: Tables) -> None:
    for _ in range(5):
        user = await tables.member()
        await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
        sets = [[bytes([number, code]) for code in range(10)] for number in range(8)]
        await asyncio.gather(*(tables.factors.replace_recovery_codes(user.id, one, session_id="") for one in sets))
        assert (await tables.factors.of_user(user.id)).recovery_codes_left == 10
        replacing = [tables.factors.replace_recovery_codes(user.id, one, session_id="") for one in sets]
        await asyncio.gather(*replacing[:4], tables.factors.remove_totp(user.id), *replacing[4:])
        assert await tables.factors.of_user(user.id) == HeldFactors()


async def test_with_the_last_factor_everything_goes(tables: Tables) -> None:
    user = await tables.member()
    assert not await tables.factors.remove_totp(user.id)
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert await tables.factors.remove_totp(user.id)
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.since(user) is None
    assert not await tables.factors.use_step(user.id, 1_000)
    assert not await tables.factors.remove_totp(user.id)


async def test_all_factors_are_removed_with_a_revocation_or_nothing_is_there(tables: Tables) -> None:
    user = await tables.member()
    assert not await tables.factors.remove_all(ending(user))
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert await tables.factors.remove_all(ending(user))
    assert await tables.endings() == 2
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.since(user) is None


async def test_nothing_is_left_of_a_user_who_is_gone(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    await tables.users.remove(ending(user))
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.factors.totp_secret(user.id) is None


async def test_sealed_secrets_are_shown_in_order_and_resealed_unless_they_changed_meanwhile(tables: Tables) -> None:
    members = sorted([await tables.member() for _ in range(5)], key=lambda user: user.id)
    for one in members:
        await tables.factors.add_totp(confirmed(one), [], ending(one))
    first = await tables.factors.sealed_totp(UUID(int=0), 3)
    rest = await tables.factors.sealed_totp(first[-1].user_id, 3)
    assert [one.user_id for one in (*first, *rest)] == [one.id for one in members]
    changes = [Resealing(members[0].id, b"sealed\0", b"anew"), Resealing(members[1].id, b"older", b"anew")]
    assert await tables.factors.reseal_totp(changes) == 1
    assert [await tables.factors.totp_secret(one.id) for one in members[:2]] == [b"anew", b"sealed\0"]


# --- a TOTP that is off


async def turned_on(tables: Tables, user: User, at: datetime = NOON) -> bool | None:
    return await tables.factors.turn_on_totp(at, ending(user))


async def turned_off(tables: Tables, user: User) -> bool | None:
    return await tables.factors.turn_off_totp(user.id, session_id="kept")


async def test_a_totp_that_is_kept_is_no_factor_yet(tables: Tables) -> None:
    user = await tables.member()
    assert await tables.factors.keep_totp(confirmed(user), ending(user)) is False
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.factors.totp_secret(user.id) is None
    assert not await tables.factors.use_step(user.id, 1_000)
    assert not await tables.factors.remove_totp(user.id)
    assert not await tables.factors.replace_recovery_codes(user.id, DIGESTS, session_id="")
    assert not await tables.factors.remove_all(ending(user))
    assert await tables.since(user) is None
    assert await tables.endings() == 0


async def test_a_kept_totp_is_turned_on_and_off_and_the_account_is_marked_meanwhile(tables: Tables) -> None:
    user = await tables.member()
    assert await turned_on(tables, user) is None
    assert await turned_off(tables, user) is None
    await tables.factors.keep_totp(confirmed(user, step=100), ending(user))
    assert await turned_off(tables, user) is False
    assert await turned_on(tables, user, NOON + FIVE) is True
    assert await turned_on(tables, user, NOON + 2 * FIVE) is False
    assert await tables.endings() == 1
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON + FIVE, 0, 0)
    assert await tables.since(user) == NOON + FIVE
    assert await tables.factors.totp_secret(user.id) == b"sealed\0"
    assert [await tables.factors.use_step(user.id, step) for step in (100, 101)] == [False, True]
    assert await turned_off(tables, user) is True
    assert await tables.factors.of_user(user.id) == HeldFactors()
    assert await tables.since(user) is None
    assert await tables.endings() == 1
    assert await turned_on(tables, user, NOON) is True  # by a clock that is behind
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON + FIVE, 0, 0)
    assert not await tables.factors.use_step(user.id, 101)  # which was used before


async def test_turning_off_the_last_factor_takes_the_recovery_codes_along(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    assert await turned_off(tables, user) is True
    assert not await tables.factors.use_recovery_code(user.id, [b"one"])
    assert await turned_on(tables, user) is True
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 0)


async def test_a_totp_that_is_off_is_replaced_and_one_that_is_on_stays_on(tables: Tables) -> None:
    user = await tables.member()
    other = ConfirmedTotp(user_id=user.id, secret_sealed=b"other", confirmed_at=NOON + FIVE, step=50)
    await tables.factors.keep_totp(confirmed(user, step=100), ending(user))
    assert await tables.factors.keep_totp(other, ending(user)) is False
    await turned_on(tables, user)
    assert await tables.factors.totp_secret(user.id) == b"other"
    await tables.factors.replace_recovery_codes(user.id, DIGESTS, session_id="")
    assert await tables.endings() == 1
    assert await tables.factors.keep_totp(replace(other, secret_sealed=b"third", step=90), ending(user)) is True
    assert await tables.factors.totp_secret(user.id) == b"third"
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON + FIVE, 0, 3)
    assert await tables.endings() == 2
    assert [await tables.factors.use_step(user.id, step) for step in (100, 101)] == [False, True]


async def test_adding_totp_replaces_one_that_is_off(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.keep_totp(confirmed(user, step=100), ending(user))
    added = ConfirmedTotp(user_id=user.id, secret_sealed=b"added", confirmed_at=NOON, step=90)
    assert await tables.factors.add_totp(added, DIGESTS, ending(user))
    assert await tables.factors.totp_secret(user.id) == b"added"
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 3)
    assert not await tables.factors.use_step(user.id, 100)


async def test_of_switches_at_once_one_is_told_that_it_turned_it(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.keep_totp(confirmed(user), ending(user))
    assert sorted(await asyncio.gather(*(turned_on(tables, user) for _ in range(10))), key=bool) == [False] * 9 + [True]
    assert await tables.endings() == 1
    assert sorted(await asyncio.gather(*(turned_off(tables, user) for _ in range(10))), key=bool) == [False] * 9 + [
        True
    ]


async def test_the_last_factor_stays_where_one_must(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
    with pytest.raises(LastFactorError):
        await tables.factors.turn_off_totp(user.id, session_id="kept", may_be_last=False)
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 3)
    assert await tables.since(user) == NOON
    await tables.passkeys.add(a_passkey(user), 3, DIGESTS, ending(user))
    assert await tables.factors.turn_off_totp(user.id, session_id="kept", may_be_last=False)
    assert await tables.factors.turn_off_totp(user.id, session_id="kept", may_be_last=False) is False
    with pytest.raises(LastFactorError):
        await tables.passkeys.remove(user.id, user.id.bytes, may_be_last=False)
    assert not await tables.passkeys.remove(user.id, b"of nobody", may_be_last=False)
    assert await tables.factors.of_user(user.id) == HeldFactors(None, 1, 3)
    assert await tables.since(user) == NOON
    assert await tables.passkeys.remove(user.id, user.id.bytes)


async def test_of_two_last_factors_that_are_removed_at_once_one_stays(tables: Tables) -> None:
    for _ in range(10):
        user = await tables.member()
        await tables.factors.add_totp(confirmed(user), DIGESTS, ending(user))
        await tables.passkeys.add(a_passkey(user), 3, DIGESTS, ending(user))
        told = await asyncio.gather(
            tables.factors.turn_off_totp(user.id, session_id="kept", may_be_last=False),
            tables.passkeys.remove(user.id, user.id.bytes, may_be_last=False),
            return_exceptions=True,
        )
        assert [type(one) for one in told if one is not True] == [LastFactorError]
        held = await tables.factors.of_user(user.id)
        assert (held.totp_since is None, held.recovery_codes_left) == (held.passkeys == 1, 3)


async def test_a_secret_that_is_off_is_resealed_too(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.keep_totp(confirmed(user), ending(user))
    assert [one.user_id for one in await tables.factors.sealed_totp(UUID(int=0), 3)] == [user.id]
    assert await tables.factors.reseal_totp([Resealing(user.id, b"sealed\0", b"anew")]) == 1
    await turned_on(tables, user)
    assert await tables.factors.totp_secret(user.id) == b"anew"


# --- a first factor that a right password alone may set up


async def test_a_first_totp_is_set_up_with_the_revocation_and_recovery_codes(tables: Tables) -> None:
    user = await tables.member()
    await tables.factors.keep_totp(confirmed(user), ending(user))  # off: it is no factor
    assert await tables.factors.set_up_totp(confirmed(user), user, DIGESTS, ending(user))
    assert await tables.factors.of_user(user.id) == HeldFactors(NOON, 0, 3)
    assert await tables.since(user) == NOON
    assert await tables.endings() == 1
    assert not await tables.factors.set_up_totp(confirmed(user), user, DIGESTS, ending(user))
    assert await tables.endings() == 1


async def test_of_setups_at_once_one_is_there(tables: Tables) -> None:
    user = await tables.member()
    setting_up = (tables.factors.set_up_totp(confirmed(user), user, [b"x"], ending(user)) for _ in range(10))
    assert sorted(await asyncio.gather(*setting_up)) == [False] * 9 + [True]
    assert await tables.endings() == 1


async def test_nothing_is_set_up_for_an_account_that_has_another_factor_by_then(tables: Tables) -> None:
    user = await tables.member()
    await tables.passkeys.add(a_passkey(user), 10, DIGESTS, ending(user))
    assert not await tables.factors.set_up_totp(confirmed(user), user, [b"four"], ending(user))
    assert await tables.factors.of_user(user.id) == HeldFactors(None, 1, 3)
    assert await tables.endings() == 1


async def test_nothing_is_set_up_after_the_account_has_changed(tables: Tables) -> None:
    user = await tables.member()
    stale = replace(user, password_changed_at=user.password_changed_at - FIVE)
    assert not await tables.factors.set_up_totp(confirmed(user), stale, DIGESTS, ending(user))
    await tables.users.disable(NOON, replace(ending(user), kept_session=""))
    assert not await tables.factors.set_up_totp(confirmed(user), user, DIGESTS, ending(user))
    gone = await tables.member()
    await tables.users.remove(ending(gone))
    assert not await tables.factors.set_up_totp(confirmed(gone), gone, DIGESTS, ending(gone))
    for one in (user, gone):
        assert await tables.factors.of_user(one.id) == HeldFactors()


# --- in Redis


async def test_a_challenge_is_found_until_it_is_removed_by_one(redis_client: Redis) -> None:
    challenges = RedisChallenges(redis_client, Scripts(redis_client))
    user_id, at = Ambient().new_uuid(), NOON + timedelta(microseconds=123_457)
    assert await challenges.find("digest") is None
    await challenges.add("digest", user_id, at, FIVE)
    assert await challenges.find("digest") == (user_id, at)
    assert 290_000 < await redis_client.pttl(redis_keys.challenge("digest")) <= 300_000
    assert sum(await asyncio.gather(*(challenges.remove("digest") for _ in range(50)))) == 1
    assert await challenges.find("digest") is None


async def test_tries_in_parallel_are_counted_and_do_not_stop_one_another(redis_client: Redis) -> None:
    challenges = RedisChallenges(redis_client, Scripts(redis_client))
    assert not await challenges.count_try("digest", 5)
    assert await redis_client.exists(redis_keys.challenge("digest")) == 0  # counting makes none
    await challenges.add("digest", Ambient().new_uuid(), NOON, FIVE)
    tries = await asyncio.gather(*(challenges.count_try("digest", 5) for _ in range(20)))
    assert sum(tries) == 5
    assert 290_000 < await redis_client.pttl(redis_keys.challenge("digest")) <= 300_000  # and not a moment longer
    assert await challenges.remove("digest")  # one of the five was right
    assert not await challenges.count_try("digest", 5)


async def test_a_secret_is_kept_with_its_challenge_and_goes_with_it(redis_client: Redis) -> None:
    challenges = RedisChallenges(redis_client, Scripts(redis_client))
    assert not await challenges.keep_secret("digest", b"first")
    assert await redis_client.exists(redis_keys.challenge("digest")) == 0  # keeping makes none
    await challenges.add("digest", Ambient().new_uuid(), NOON, FIVE)
    assert await challenges.secret("digest") is None
    assert await challenges.keep_secret("digest", b"first")
    assert await challenges.keep_secret("digest", b"second\0")
    assert await challenges.secret("digest") == b"second\0"
    assert await challenges.secret("another") is None
    assert 290_000 < await redis_client.pttl(redis_keys.challenge("digest")) <= 300_000  # and not a moment longer
    await challenges.remove("digest")
    assert await challenges.secret("digest") is None


async def test_an_unconfirmed_secret_is_replaced_lapses_and_is_removed(redis_client: Redis) -> None:
    enrolments, user_id = RedisEnrolments(redis_client), Ambient().new_uuid()
    assert await enrolments.find(user_id) is None
    await enrolments.begin(user_id, b"first", FIVE)
    await enrolments.begin(user_id, b"second", FIVE)
    assert await enrolments.find(user_id) == b"second"
    assert await enrolments.find(Ambient().new_uuid()) is None
    assert 290_000 < await redis_client.pttl(redis_keys.unconfirmed_totp(user_id)) <= 300_000
    await enrolments.remove(user_id)
    assert await enrolments.find(user_id) is None


async def test_unconfirmed_secrets_that_were_begun_in_different_ways_are_apart(redis_client: Redis) -> None:
    user_id = Ambient().new_uuid()
    ours, theirs = RedisEnrolments(redis_client), RedisEnrolments(redis_client, redis_keys.unconfirmed_totp_by_session)
    await theirs.begin(user_id, b"theirs", FIVE)
    assert await ours.find(user_id) is None
    await ours.begin(user_id, b"ours", FIVE)
    assert (await ours.find(user_id), await theirs.find(user_id)) == (b"ours", b"theirs")
    await ours.remove(user_id)
    assert await theirs.find(user_id) == b"theirs"
    assert 290_000 < await redis_client.pttl(redis_keys.unconfirmed_totp_by_session(user_id)) <= 300_000
