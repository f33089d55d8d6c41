"""What one row of the counters promises, on a Redis in memory and on a real one."""

from datetime import timedelta
from math import ceil

from redis.asyncio import Redis

from service.domain.limits.charges import Charge, Verdict
from service.settings import Rate, ThrottleSettings
from service.stores import redis_keys
from service.stores.counters import HELD, RedisCounters
from tests.support.login_limits import (
    ANN,
    ANN_ELSEWHERE,
    BOB,
    FIVE,
    MINUTE,
    OF_ACCOUNT,
    OF_PAIR,
    OF_SOURCE,
    SECOND,
    WIDE_OPEN,
    let_pass,
    login,
    now_of,
    refusal,
    reserve,
    tat_of,
)


async def test_the_sixth_failure_in_a_row_is_refused(counters: RedisCounters) -> None:
    await login(counters, Verdict.FAILED, times=5)
    assert await refusal(counters)


async def test_every_quota_admits_exactly_its_number(counters: RedisCounters) -> None:
    seven = WIDE_OPEN.model_copy(update={"login_account_source": Rate(quota=7, window=5 * MINUTE)})
    await login(counters, Verdict.FAILED, settings=seven, times=7)
    assert await refusal(counters, settings=seven)


async def test_retry_after_is_exact_and_rounded_up(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.FAILED, times=5)
    room_at = await tat_of(redis_client, OF_PAIR) - 4 * 60_000_000
    latest = ceil((room_at - await now_of(redis_client)) / 1_000_000)
    told = (await refusal(counters)).retry_after
    earliest = ceil((room_at - await now_of(redis_client)) / 1_000_000)
    assert earliest <= told.total_seconds() <= latest


async def test_who_waits_as_long_as_told_is_judged_once(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.FAILED, times=5)
    told = (await refusal(counters)).retry_after
    await let_pass(redis_client, told / 2)
    assert await refusal(counters)
    await let_pass(redis_client, told / 2)
    await login(counters, Verdict.FAILED)
    assert await refusal(counters)


async def test_the_longest_of_several_waits_is_told(counters: RedisCounters) -> None:
    limits = FIVE.model_copy(update={"login_account": Rate(quota=5, window=50 * MINUTE)})
    await login(counters, Verdict.FAILED, settings=limits, times=5)
    assert 9 * MINUTE < (await refusal(counters, settings=limits)).retry_after <= 10 * MINUTE


async def test_refused_tries_change_nothing(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.FAILED, times=5)
    before = [await redis_client.hgetall(key) for key in (OF_PAIR, OF_SOURCE, OF_ACCOUNT)]
    for _ in range(5):
        await refusal(counters)
    assert [await redis_client.hgetall(key) for key in (OF_PAIR, OF_SOURCE, OF_ACCOUNT)] == before


async def test_reservations_refuse_nobody(counters: RedisCounters) -> None:
    held = [await reserve(counters) for _ in range(12)]
    for reservation in held[:5]:
        await counters.settle(reservation, Verdict.FAILED, FIVE)
    assert await refusal(counters)


async def test_a_reservation_without_a_verdict_becomes_a_failure(counters: RedisCounters, redis_client: Redis) -> None:
    for _ in range(8):
        await reserve(counters)
    await let_pass(redis_client, HELD / 2)
    await reserve(counters)  # the others' time begins anew: they may still be waiting for their turn
    await let_pass(redis_client, HELD / 2)
    await reserve(counters)
    await let_pass(redis_client, HELD)
    assert await refusal(counters)


async def test_a_verdict_that_comes_too_late_counts_once(counters: RedisCounters, redis_client: Redis) -> None:
    slow = WIDE_OPEN.model_copy(update={"login_account_source": Rate(quota=5, window=500 * MINUTE)})
    late = await reserve(counters, settings=slow)
    await let_pass(redis_client, HELD)
    other = await reserve(counters, settings=slow)
    await counters.settle(late, Verdict.FAILED, slow)
    await counters.settle(other, Verdict.FAILED, slow)
    await login(counters, Verdict.FAILED, settings=slow, times=3)
    assert await refusal(counters, settings=slow)


async def test_an_attempt_nobody_judged_leaves_nothing_behind(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.UNJUDGED, times=20)
    assert await redis_client.keys() == []


async def test_a_failure_is_never_given_back_twice(counters: RedisCounters) -> None:
    other = await reserve(counters)
    await login(counters, Verdict.FAILED, times=4)
    await counters.settle(other, Verdict.UNJUDGED, FIVE)
    await login(counters, Verdict.FAILED)
    assert await refusal(counters)


async def test_every_key_lapses_by_itself(counters: RedisCounters, redis_client: Redis) -> None:
    limits = ThrottleSettings(login_global=Rate(quota=2, window=5 * MINUTE))
    await login(counters, Verdict.FAILED, ANN, limits, times=2)
    await login(counters, Verdict.SUCCEEDED, BOB, limits)
    await reserve(counters, ANN_ELSEWHERE, limits)
    await counters.take("signup", [Charge("source", ANN.source, Rate(quota=2, window=MINUTE))])
    left = {key: await redis_client.pttl(key) for key in await redis_client.keys()}
    assert len(left) == 9
    assert min(left.values()) > 0
    assert 90_000 < left[OF_PAIR.encode()] <= 120_000  # two of five per five minutes have run off after two minutes
    assert left[redis_keys.limit("signup", "source", ANN.source).encode()] <= 30_000


async def test_a_row_outlives_its_charges_while_one_is_held(counters: RedisCounters, redis_client: Redis) -> None:
    quick = WIDE_OPEN.model_copy(update={"login_account_source": Rate(quota=5, window=SECOND)})
    await reserve(counters, settings=quick)
    assert HELD - 10 * SECOND < timedelta(milliseconds=await redis_client.pttl(OF_PAIR)) <= HELD


async def test_taking_charges_all_rows_or_none(counters: RedisCounters, redis_client: Redis) -> None:
    source = Charge("source", "a", Rate(quota=4, window=MINUTE))
    all_of_them = Charge("global", "", Rate(quota=2, window=MINUTE))
    assert await counters.take("signup", [source, all_of_them]) is None
    assert await counters.take("signup", [source, all_of_them]) is None
    before = await redis_client.get(redis_keys.limit("signup", "source", "a"))
    told = await counters.take("signup", [source, all_of_them])
    assert told
    assert told.left == 2
    assert 20 * SECOND < told.retry_after <= 30 * SECOND
    assert SECOND < told.more_in <= 15 * SECOND
    assert await redis_client.get(redis_keys.limit("signup", "source", "a")) == before
    fresh = await counters.take("signup", [Charge("source", "b", source.rate), all_of_them])
    assert fresh
    assert (fresh.left, fresh.more_in) == (4, timedelta(0))
    assert await counters.take("other", [source, all_of_them]) is None


async def test_any_full_row_refuses_alone(counters: RedisCounters) -> None:
    full = Charge("source", "a", Rate(quota=1, window=MINUTE))
    empty = Charge("global", "", Rate(quota=9, window=MINUTE))
    assert await counters.take("signup", [full, empty]) is None
    assert await counters.take("signup", [full, empty])
    assert await counters.take("signup", [empty, full])


async def test_who_waits_as_long_as_told_may_take_again(counters: RedisCounters, redis_client: Redis) -> None:
    charge, row = Charge("source", "a", Rate(quota=2, window=MINUTE)), redis_keys.limit("signup", "source", "a")
    assert await counters.take("signup", [charge]) is None
    assert await counters.take("signup", [charge]) is None
    told = await counters.take("signup", [charge])
    assert told
    tat = int(await redis_client.get(row) or 0)
    await redis_client.set(row, tat - told.retry_after // timedelta(microseconds=1), keepttl=True)
    assert await counters.take("signup", [charge]) is None
    assert await counters.take("signup", [charge])


async def test_a_refund_gives_back_one_charge_and_no_more(counters: RedisCounters, redis_client: Redis) -> None:
    charge, row = Charge("source", "a", Rate(quota=2, window=MINUTE)), redis_keys.limit("refresh", "source", "a")
    for _ in range(2):
        assert await counters.take("refresh", [charge]) is None
    await counters.refund("refresh", charge)
    assert 20_000 < await redis_client.pttl(row) <= 30_000
    assert await counters.take("refresh", [charge]) is None
    assert await counters.take("refresh", [charge])


async def test_a_refund_of_what_has_run_off_gives_nothing(counters: RedisCounters, redis_client: Redis) -> None:
    charge = Charge("source", "a", Rate(quota=2, window=MINUTE))
    for _ in range(3):
        await counters.refund("refresh", charge)
    assert await redis_client.keys() == []
    assert await counters.take("refresh", [charge]) is None
    for _ in range(3):
        await counters.refund("refresh", charge)
    assert await redis_client.keys() == []
    for _ in range(2):
        assert await counters.take("refresh", [charge]) is None
    assert await counters.take("refresh", [charge])


async def test_scripts_that_redis_forgot_are_sent_again(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.FAILED)
    await redis_client.script_flush()
    await login(counters, Verdict.FAILED, times=4)
    assert await refusal(counters)


async def test_a_clock_that_is_put_back_keeps_nobody_out_for_longer_than_the_window(
    counters: RedisCounters, redis_client: Redis
) -> None:
    await login(counters, Verdict.FAILED, times=5)
    await let_pass(redis_client, timedelta(hours=-2))
    assert (await refusal(counters)).retry_after <= 5 * MINUTE
    await let_pass(redis_client, 5 * MINUTE)
    await login(counters, Verdict.FAILED)


async def test_a_row_of_any_limit_is_never_further_ahead_than_its_window(
    counters: RedisCounters, redis_client: Redis
) -> None:
    charge = Charge("source", "192.0.2.7", Rate(quota=2, window=MINUTE))
    key = redis_keys.limit("refresh", charge.row, charge.who)
    two_hours_on = await now_of(redis_client) + 2 * 3600 * 1_000_000
    await redis_client.set(key, two_hours_on, px=timedelta(hours=2))
    refused = await counters.take("refresh", [charge])
    assert refused
    assert refused.retry_after <= MINUTE / 2
    assert (refused.left, refused.more_in <= MINUTE) == (0, True)
