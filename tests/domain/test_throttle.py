"""What logins may and may not do to each other: three instances with one Redis."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import fakeredis
import pytest
from redis.asyncio.client import Pipeline
from structlog.testing import capture_logs

from service.domain.limits.throttle import IN_FLIGHT
from service.domain.limits.turns import Turns
from service.domain.models import Visitor
from service.errors import InvalidCredentialsError, OverloadedError, RateLimitedError, UnavailableError
from service.settings import Rate, ThrottleSettings
from service.shown_policy import ShownPolicy
from tests.support.logins import (
    ANN,
    BOB,
    HOME,
    MANY,
    MINUTE,
    guess,
    judged_until_refused,
    log_in,
    outcomes,
    strangers,
    three,
    throttle,
)


async def test_five_wrong_passwords_are_judged_and_the_sixth_is_not() -> None:
    assert await judged_until_refused(throttle()) == 5


async def test_an_unknown_address_meets_the_same_limit_at_the_same_count() -> None:
    limits = throttle()
    await log_in(limits, visitor=Visitor(source="192.0.2.1", user_agent=""))
    assert await judged_until_refused(limits, ANN) == await judged_until_refused(limits, "no such address") == 5


async def test_leaving_without_a_word_is_a_failure() -> None:
    limits = throttle()
    for _ in range(5):
        async with limits.login(ANN, HOME):
            pass
    with pytest.raises(RateLimitedError):
        await guess(limits)


async def test_parallel_wrong_guesses_exceed_the_limit_by_what_is_in_flight_at_most() -> None:
    instances = three()
    said = await outcomes(*(guess(instances[i % 3]) for i in range(60)))
    assert 5 <= said.count(InvalidCredentialsError) <= 5 + 3 * IN_FLIGHT
    assert said.count(InvalidCredentialsError) + said.count(RateLimitedError) == 60


async def test_parallel_wrong_guesses_from_many_sources_are_bounded_the_same_way() -> None:
    instances, stranger = three(), strangers()
    said = await outcomes(*(guess(instances[i % 3], ANN, stranger()) for i in range(60)))
    assert 10 <= said.count(InvalidCredentialsError) <= 10 + 3 * IN_FLIGHT


async def test_parallel_wrong_guesses_from_a_known_source_are_bounded_the_same_way() -> None:
    instances = three()
    await log_in(instances[0])
    said = await outcomes(*(guess(instances[i % 3]) for i in range(60)))
    assert 5 <= said.count(InvalidCredentialsError) <= 5 + 3 * IN_FLIGHT


async def test_parallel_right_passwords_are_all_judged() -> None:
    instances = three()
    assert await outcomes(*(log_in(instances[i % 3]) for i in range(60))) == [None] * 60
    assert await outcomes(*(log_in(instances[0], BOB) for _ in range(20))) == [None] * 20


async def test_parallel_right_passwords_of_many_accounts_behind_one_source_are_all_judged() -> None:
    instances = three()
    assert await outcomes(*(log_in(instances[i % 3], f"{i}") for i in range(60))) == [None] * 60


async def test_right_passwords_do_not_clear_the_source() -> None:
    limits = throttle()
    for number in range(20):
        await log_in(limits, f"own {number % 3}")
        with pytest.raises(InvalidCredentialsError):
            await guess(limits, f"victim {number}")
    with pytest.raises(RateLimitedError) as told:
        await log_in(limits, "own 1")
    assert told.value.policy
    assert told.value.policy.remaining == 0


async def test_strangers_cannot_lock_the_owner_out() -> None:
    instances, stranger = three(), strangers()
    await log_in(instances[0])
    await outcomes(*(guess(instances[i % 3], ANN, stranger()) for i in range(200)))
    with pytest.raises(RateLimitedError):
        await guess(instances[0], ANN, stranger())
    assert await judged_until_refused(instances[1]) == 5


async def test_the_owner_comes_in_again_and_again_while_strangers_knock() -> None:
    instances, stranger = three(), strangers()
    await log_in(instances[0])
    knocks = [guess(instances[i % 3], ANN, stranger()) for i in range(100)]
    said = await outcomes(*knocks, *(log_in(instances[i % 3]) for i in range(20)))
    assert said[100:] == [None] * 20


async def test_a_known_source_does_not_queue_up_behind_strangers() -> None:
    limits, stranger = throttle(max_wait=timedelta(milliseconds=50)), strangers()
    await log_in(limits)
    async with AsyncExitStack() as dawdlers:
        for _ in range(IN_FLIGHT):
            await dawdlers.enter_async_context(limits.login(ANN, stranger()))
        with pytest.raises(OverloadedError):
            await log_in(limits, ANN, stranger())
        await log_in(limits)


async def test_a_hundred_failures_in_a_row_close_the_account_to_strangers_only() -> None:
    limits = throttle(settings=ThrottleSettings(login_account=MANY))
    stranger = strangers()
    await log_in(limits)
    said = [(await outcomes(guess(limits, ANN, stranger())))[0] for _ in range(101)]
    assert said == [InvalidCredentialsError] * 100 + [RateLimitedError]
    await log_in(limits)
    assert await outcomes(guess(limits, ANN, stranger())) == [InvalidCredentialsError]


async def test_an_attempt_that_was_not_judged_does_not_count() -> None:
    limits = throttle()
    for error in (OverloadedError(lambda: MINUTE), UnavailableError(), asyncio.CancelledError(), OSError()):
        for _ in range(6):
            with pytest.raises(type(error)):
                async with limits.login(ANN, HOME):
                    raise error
    assert await judged_until_refused(limits) == 5


async def test_a_right_password_stays_right_when_the_answer_fails() -> None:
    limits = throttle()
    assert await outcomes(*(guess(limits) for _ in range(4))) == [InvalidCredentialsError] * 4
    with pytest.raises(UnavailableError):
        await log_in(limits, error=UnavailableError())
    assert await judged_until_refused(limits) == 5


async def test_a_refusal_shows_the_policy_of_the_source_and_nothing_of_the_account() -> None:
    limits = throttle()
    await judged_until_refused(limits)
    with pytest.raises(RateLimitedError) as told:
        await guess(limits)
    policy = told.value.policy
    assert policy
    assert policy == ShownPolicy("login-source", 20, 5 * MINUTE, remaining=15, resets_in=policy.resets_in)
    assert timedelta(0) < policy.resets_in <= timedelta(seconds=15) < told.value.retry_after <= MINUTE


async def test_the_policy_never_resets_after_the_time_to_retry() -> None:
    slow_source = Rate(quota=20, window=timedelta(hours=20))
    limits = throttle(settings=ThrottleSettings(login_source=slow_source))
    await judged_until_refused(limits)
    with pytest.raises(RateLimitedError) as told:
        await guess(limits)
    assert told.value.policy
    assert told.value.policy.resets_in == told.value.retry_after


async def test_a_global_flood_is_warned_of_once() -> None:
    limits = throttle(settings=ThrottleSettings(login_global=Rate(quota=3, window=5 * MINUTE)))
    with capture_logs() as logs:
        await outcomes(*[guess(limits, f"{number}") for number in range(3)])
    assert logs == []
    with capture_logs() as logs:
        assert await judged_until_refused(limits) == 2
    assert [line["log_level"] for line in logs if line["reason"] == "login-global"] == ["warning"]


async def test_nothing_is_remembered_of_turns_that_are_over() -> None:
    turns = Turns(1)
    async with turns.turn("a"), turns.turn("b"):
        waiting = asyncio.create_task(turns.turn("a").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert turns.are_taken("a")
    assert not turns._semaphores
    assert not turns._users


async def test_a_login_that_waits_for_nobody_asks_redis_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = fakeredis.FakeAsyncRedis()
    limits = throttle(redis)
    timings: list[Pipeline] = []
    await log_in(limits)
    depart = redis.pipeline

    def note(transaction: bool = True) -> Pipeline:  # noqa: FBT001, FBT002 - as redis-py spells it
        timings.append(depart(transaction=transaction))
        return timings[-1]

    monkeypatch.setattr(redis, "pipeline", note)
    await log_in(limits)
    assert len(timings) == 2
