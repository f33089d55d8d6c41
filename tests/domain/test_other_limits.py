"""The limits of everything but logins, and whom no limit concerns."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import fakeredis
import pytest

from service.domain.limits.throttle import LOOK_UPS, Throttle
from service.domain.models import Visitor
from service.errors import InvalidCredentialsError, InvalidRefreshTokenError, RateLimitedError, UnavailableError
from service.settings import Rate, ThrottleSettings
from tests.support.builders import FakeAmbient
from tests.support.logins import ANN, BOB, HOME, MANY, MINUTE, guess, log_in, outcomes, strangers, throttle


@pytest.fixture(autouse=True)
def clock(ambient: FakeAmbient) -> FakeAmbient:
    """Of the Redis in memory, too: limits drain while a busy machine counts up to them."""
    return ambient


async def look_up(limits: Throttle, token: str, error: Exception | None = None, visitor: Visitor = HOME) -> None:
    """A refresh whose look-up ends with `error`."""
    async with limits.refresh(visitor, token):
        if error:
            raise error


OTHERS: list[tuple[Callable[[Throttle, Visitor], Awaitable[None]], str, int]] = [
    (lambda limits, visitor: limits.sign_up(visitor), "signup-source", 30),
    (lambda limits, visitor: limits.unknown_refresh_token(visitor), "refresh-unknown-source", 10),
    (lambda limits, visitor: limits.unknown_api_key(visitor), "api-key-unknown-source", 20),
]


@pytest.mark.parametrize(("call", "name", "quota"), OTHERS, ids=[name for _, name, _ in OTHERS])
async def test_other_calls_are_limited_by_source(
    call: Callable[[Throttle, Visitor], Awaitable[None]], name: str, quota: int
) -> None:
    limits = throttle()
    for _ in range(quota):
        await call(limits, HOME)
    with pytest.raises(RateLimitedError) as told:
        await call(limits, HOME)
    assert told.value.policy
    assert (told.value.policy.name, told.value.policy.quota, told.value.policy.remaining) == (name, quota, 0)
    await call(limits, Visitor(source="198.51.100.9", user_agent=""))


async def test_sign_ups_are_limited_over_all_sources() -> None:
    limits = throttle(settings=ThrottleSettings(signup_global=Rate(quota=3, window=MINUTE)))
    stranger = strangers()
    said = [(await outcomes(limits.sign_up(stranger())))[0] for _ in range(4)]
    assert said == [None, None, None, RateLimitedError]


async def test_a_refresh_is_limited_by_its_token_and_by_its_source() -> None:
    limits = throttle()
    for _ in range(30):
        await look_up(limits, "one")
    with pytest.raises(RateLimitedError) as told:
        await look_up(limits, "one")
    assert told.value.policy
    assert (told.value.policy.name, told.value.policy.remaining) == ("refresh-source", 90)
    for number in range(90):
        await look_up(limits, f"other {number}")
    with pytest.raises(RateLimitedError):
        await look_up(limits, "another")


async def test_unknown_refresh_tokens_leave_the_source_s_row_to_good_ones() -> None:
    limits = throttle()
    for number in range(500):
        with pytest.raises(InvalidRefreshTokenError):
            await look_up(limits, f"made up {number}", InvalidRefreshTokenError())
    for number in range(120):
        await look_up(limits, f"good {number}")
    with pytest.raises(RateLimitedError):
        await look_up(limits, "another")


async def test_a_refresh_that_an_outage_stops_stays_charged() -> None:
    limits = throttle(settings=ThrottleSettings(refresh_source=Rate(quota=2, window=MINUTE)))
    for number in range(2):
        with pytest.raises(UnavailableError):
            await look_up(limits, f"{number}", UnavailableError())
    with pytest.raises(RateLimitedError):
        await look_up(limits, "another")


async def test_a_source_looks_a_few_refresh_tokens_up_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.domain.limits.throttle.LOOK_UP_WAIT", timedelta(milliseconds=1))
    limits = throttle()
    async with AsyncExitStack() as under_way:
        for number in range(LOOK_UPS):
            await under_way.enter_async_context(limits.refresh(HOME, f"{number}"))
        with pytest.raises(UnavailableError):
            await look_up(limits, "one too many")
        with pytest.raises(UnavailableError):
            async with limits.looking_up(HOME):
                pass
        await look_up(limits, "of a neighbour", visitor=Visitor(source="198.51.100.9", user_agent=""))
    await look_up(limits, "later")


async def test_a_larger_quota_lets_a_source_look_more_up_at_a_time() -> None:
    limits = throttle(settings=ThrottleSettings(refresh_source=Rate(quota=1500, window=MINUTE)))
    async with AsyncExitStack() as under_way:
        for number in range(100):
            await under_way.enter_async_context(limits.refresh(HOME, f"{number}"))


async def test_attempts_are_limited_when_the_setting_says_so() -> None:
    limits = throttle(settings=ThrottleSettings(login_attempts=Rate(quota=7, window=5 * MINUTE)))
    for _ in range(7):
        await log_in(limits)
    with pytest.raises(RateLimitedError) as told:
        await log_in(limits)
    assert told.value.policy
    assert (told.value.policy.name, told.value.policy.quota) == ("login-attempts-source", 7)


@pytest.mark.parametrize(
    ("source", "exempt"),
    [
        ("127.0.0.1", True),
        ("::/64", True),  # a whole /64 is one source, so ::1/128 speaks for all of it
        ("2001:db8:1:2::/64", True),
        ("2001:db9::/64", False),
        ("128.0.0.1", False),
        ("local", False),
    ],
)
async def test_exempt_sources_have_no_limits_and_others_do(source: str, exempt: bool) -> None:  # noqa: FBT001 - a column
    networks = "127.0.0.0/8,::1/128,2001:db8::/32"
    limits = throttle(
        settings=ThrottleSettings(
            exempt=networks,
            login_attempts=MANY,
            signup_source=Rate(quota=5, window=MINUTE),
        )
    )
    visitor = Visitor(source=source, user_agent="")
    said = await outcomes(*(guess(limits, ANN, visitor) for _ in range(20)))
    assert (RateLimitedError not in said) is exempt
    said = await outcomes(*(limits.sign_up(visitor) for _ in range(20)))
    assert (RateLimitedError not in said) is exempt


async def test_nothing_is_limited_when_limits_are_off() -> None:
    limits = throttle(settings=ThrottleSettings(enabled=False))
    assert await outcomes(*(guess(limits) for _ in range(50))) == [InvalidCredentialsError] * 50
    assert await outcomes(*(limits.unknown_api_key(HOME) for _ in range(50))) == [None] * 50


async def test_no_account_address_or_token_is_readable_in_a_key() -> None:
    redis = fakeredis.FakeAsyncRedis()
    limits = throttle(redis)
    await outcomes(guess(limits, ANN), log_in(limits, BOB), look_up(limits, "rt_secret"))
    found = str(await redis.keys())
    assert not any(secret in found for secret in (ANN, BOB, "rt_secret"))


async def test_mails_to_one_address_are_limited_and_nobody_is_refused() -> None:
    limits = throttle(settings=ThrottleSettings(mail_address=Rate(quota=2, window=MINUTE)))
    assert [await limits.mail_address(ANN) for _ in range(4)] == [True, True, False, False]
    assert await limits.mail_address(BOB)
    await limits.no_mail_to(ANN)
    assert [await limits.mail_address(ANN) for _ in range(2)] == [True, False]
    assert limits.decisions["mail-address", False] == 3


async def test_without_limits_mails_are_not_counted() -> None:
    limits = throttle(settings=ThrottleSettings(enabled=False, mail_address=Rate(quota=1, window=MINUTE)))
    assert all([await limits.mail_address(ANN) for _ in range(3)])
    await limits.no_mail_to(ANN)
