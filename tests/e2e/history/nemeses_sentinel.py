"""What happens to a primary that Sentinels watch."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from redis.exceptions import RedisError

from tests.e2e.history.grounds import Ground
from tests.e2e.history.pace import A_WHILE, TAKES_OVER, becomes, traffic
from tests.e2e.history.record import everything
from tests.support.deployments import NAME, Member, Watched, part
from tests.support.relay import Mode, Relay
from tests.support.waiting import until


async def planned_failover(ground: Ground) -> None:
    with ground.history.fault("planned failover", lags=True):
        await _fail_over(_watched(ground))
        await traffic(ground)
    await _is_told(_watched(ground))


async def crash_failover(ground: Ground) -> None:
    stand = _watched(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("primary killed", lags=True):
        primary.kill()
        await _moves_to(stand, successor)
        await traffic(ground)
        primary.start()
    await _is_told(stand)


async def frozen_primary_replaced(ground: Ground) -> None:
    """It wakes up as a primary, and is told otherwise later."""
    stand = _watched(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("primary frozen", lags=True):
        primary.pause()
        await _moves_to(stand, successor)
        await traffic(ground)
        primary.resume()
        await traffic(ground)
    await _is_told(stand)


async def failover_behind_an_instance_s_back(ground: Ground) -> None:
    """It is cut off from the Sentinels, and the old primary still answers it for seconds."""
    with ground.history.fault("failover behind an instance's back", lags=True):
        async with _deaf(ground.to_redis[0]):
            await _fail_over(_watched(ground))
            await asyncio.sleep(2 * A_WHILE)
    await _is_told(_watched(ground))


async def there_and_back(ground: Ground) -> None:
    """The replica lags behind, becomes the primary, and hands back what it has before anybody asked it anything."""
    stand = _watched(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("there and back", everything), ground.history.stalled():
        await part(primary, successor)
        await traffic(ground)
        for number in ground.fleet.numbers:
            ground.fleet.pause(number)
        try:
            await _fail_over(stand)
            await becomes(primary.is_in_step)
            await _fail_over(stand)
            await becomes(primary.is_primary)
        finally:
            for number in ground.fleet.numbers:
                ground.fleet.resume(number)
            await hear_again(successor)
    await _is_told(stand)


@asynccontextmanager
async def _deaf(wires: Sequence[Relay]) -> AsyncIterator[None]:
    for wire in wires:
        wire.behave(Mode.BLACKHOLE)
    try:
        yield
    finally:
        for wire in wires:
            wire.behave(Mode.PASS)


def _watched(ground: Ground) -> Watched:
    assert ground.sentinels
    return ground.sentinels


async def _roles(stand: Watched) -> tuple[Member, Member]:
    """The primary that the Sentinels name, and the other one."""
    named = await stand.named()
    members = (stand.primary, stand.replica)
    return members if named == {stand.primary.port} else members[::-1]


async def _fail_over(stand: Watched) -> None:
    _, successor = await _roles(stand)

    async def has_begun() -> bool:
        with suppress(RedisError):  # it does not know of a good replica yet, or the last failover is not over
            await stand.sentinels[0].ask("SENTINEL FAILOVER", NAME)
            return True
        return False

    await until(has_begun, within=TAKES_OVER)
    await _moves_to(stand, successor)


async def _moves_to(stand: Watched, successor: Member) -> None:
    async def has_moved() -> bool:
        return await stand.named() == {successor.port}

    await becomes(has_moved)


async def _is_told(stand: Watched) -> None:
    """Until the old primary follows the new one."""
    _, other = await _roles(stand)

    await becomes(other.is_in_step)


async def hear_again(replica: Member) -> None:
    for name in ("masteruser", "masterauth"):
        await replica.ask("CONFIG", "SET", name, "")
