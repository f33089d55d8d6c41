"""Whose failures stop whom, on a Redis in memory and on a real one."""

from datetime import timedelta

from redis.asyncio import Redis

from service.domain.limits.charges import LimitExceeded, Reservation, Suspect, Verdict
from service.settings import Rate, ThrottleSettings
from service.stores import redis_keys
from service.stores.counters import RedisCounters
from tests.support.login_limits import (
    ANN,
    ANN_ELSEWHERE,
    BOB,
    FIVE,
    IN_A_ROW,
    MINUTE,
    OF_ACCOUNT,
    OF_PAIR,
    WIDE_OPEN,
    login,
    refusal,
    reserve,
    tat_of,
)

DAY = timedelta(days=1)


async def test_a_success_forgives_its_account_everywhere(counters: RedisCounters, redis_client: Redis) -> None:
    limits = FIVE.model_copy(update={"login_account": Rate(quota=9, window=15 * MINUTE)})
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, limits, times=4)
    await login(counters, Verdict.FAILED, ANN, limits, times=4)
    await login(counters, Verdict.SUCCEEDED, ANN, limits)
    assert not await redis_client.exists(OF_PAIR, OF_ACCOUNT, IN_A_ROW)
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, limits)
    assert await refusal(counters, ANN_ELSEWHERE, limits)  # what another source did to itself stays


async def test_a_success_keeps_the_reservations_of_others(counters: RedisCounters) -> None:
    held = [await reserve(counters) for _ in range(5)]
    await login(counters, Verdict.SUCCEEDED)
    for reservation in held:
        await counters.settle(reservation, Verdict.FAILED, FIVE)
    assert await refusal(counters)


async def test_a_success_never_clears_the_source(counters: RedisCounters) -> None:
    limits = WIDE_OPEN.model_copy(update={"login_source": Rate(quota=4, window=5 * MINUTE)})
    for _ in range(3):
        await login(counters, Verdict.FAILED, BOB, limits)
        await login(counters, Verdict.SUCCEEDED, ANN, limits)
    await login(counters, Verdict.FAILED, BOB, limits)
    assert await refusal(counters, ANN, limits)


async def test_a_known_source_has_its_own_row_and_adds_to_no_other_of_the_account(
    counters: RedisCounters, redis_client: Redis
) -> None:
    limits = FIVE.model_copy(
        update={
            "login_known_source": Rate(quota=3, window=5 * MINUTE),
            "login_account": Rate(quota=2, window=15 * MINUTE),
        }
    )
    await login(counters, Verdict.SUCCEEDED, ANN, limits)
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, limits, times=2)
    assert await refusal(counters, ANN_ELSEWHERE, limits)
    before = await tat_of(redis_client, OF_ACCOUNT), await redis_client.get(IN_A_ROW)
    await login(counters, Verdict.FAILED, ANN, limits, times=3)
    assert await refusal(counters, ANN, limits)
    assert (await tat_of(redis_client, OF_ACCOUNT), await redis_client.get(IN_A_ROW)) == before


async def test_a_source_is_known_for_its_lifetime_after_a_success(counters: RedisCounters, redis_client: Redis) -> None:
    await login(counters, Verdict.FAILED)
    assert not await counters.knows(ANN)
    await login(counters, Verdict.SUCCEEDED)
    assert await counters.knows(ANN)
    assert not await counters.knows(ANN_ELSEWHERE)
    assert not await counters.knows(BOB)
    left = await redis_client.pttl(redis_keys.limit("login", "known", ANN.pair))
    assert timedelta(days=29) < timedelta(milliseconds=left) <= timedelta(days=30)


async def test_failures_in_a_row_close_the_account_to_strangers_for_a_day(counters: RedisCounters) -> None:
    limits = WIDE_OPEN.model_copy(update={"login_lockout": 3})
    await login(counters, Verdict.SUCCEEDED, ANN, limits)
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, limits, times=3)
    told = (await refusal(counters, ANN_ELSEWHERE, limits)).retry_after
    assert DAY - MINUTE < told <= DAY
    await login(counters, Verdict.UNJUDGED, ANN, limits)
    await login(counters, Verdict.FAILED, ANN, limits)
    assert await refusal(counters, ANN_ELSEWHERE, limits)
    await login(counters, Verdict.SUCCEEDED, ANN, limits)
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, limits, times=3)
    assert await refusal(counters, ANN_ELSEWHERE, limits)


async def test_a_flood_halves_the_others_and_is_told_once(counters: RedisCounters, redis_client: Redis) -> None:
    four = Rate(quota=4, window=5 * MINUTE)
    limits = ThrottleSettings(login_global=four, login_known_source=four)
    await login(counters, Verdict.SUCCEEDED, BOB, limits)
    for number in range(4):
        await login(counters, Verdict.FAILED, Suspect(f"192.0.2.{number}", f"{number}", f"{number}"), limits)
    full = await tat_of(redis_client, redis_keys.limit("login", "global"))
    flags = []
    for _ in range(3):
        outcome, flag = await counters.reserve(ANN, limits)
        flags.append(flag)
        if isinstance(outcome, Reservation):
            await counters.settle(outcome, Verdict.FAILED, limits)
    assert isinstance(outcome, LimitExceeded)  # the third of five
    assert flags == [True, False, False]
    await login(counters, Verdict.FAILED, BOB, limits, times=4)  # a known source keeps all it has
    assert await tat_of(redis_client, redis_keys.limit("login", "global")) == full  # it does not outlast the flood


async def test_a_refusal_shows_how_the_source_itself_stands(counters: RedisCounters) -> None:
    limits = FIVE.model_copy(update={"login_source": Rate(quota=20, window=100 * MINUTE)})
    await login(counters, Verdict.FAILED, BOB, limits, times=2)
    await login(counters, Verdict.FAILED, ANN, limits, times=5)
    told = await refusal(counters, ANN, limits)
    assert told.left == 13
    assert 4 * MINUTE < told.more_in <= 5 * MINUTE
    for number in range(13):
        await login(counters, Verdict.FAILED, Suspect(ANN.source, f"{number}", f"{number}"), limits)
    told = await refusal(counters, BOB, limits)
    assert (told.left, told.more_in) == (0, told.retry_after)


async def test_rows_of_others_do_not_matter(counters: RedisCounters) -> None:
    await login(counters, Verdict.FAILED, ANN, times=5)
    await login(counters, Verdict.FAILED, BOB, times=5)
    await login(counters, Verdict.FAILED, ANN_ELSEWHERE, times=5)
    assert await refusal(counters, ANN)
