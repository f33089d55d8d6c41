"""What happens to the primaries of a cluster."""

import asyncio
from collections.abc import Callable

from redis.crc import key_slot

from tests.e2e.history.grounds import Ground
from tests.e2e.history.nemeses_sentinel import hear_again
from tests.e2e.history.pace import A_WHILE, becomes, traffic
from tests.support.deployments import SLOTS, Clustered, Member, part


async def planned_failover(ground: Ground) -> None:
    stand = _stand(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("planned cluster failover", lags=True):
        await _fail_over(successor)
        await traffic(ground)
    await becomes(primary.is_in_step)


async def crash_failover(ground: Ground) -> None:
    stand = _stand(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("cluster primary killed", lags=True):
        primary.kill()
        await becomes(successor.is_primary)
        await traffic(ground)
        primary.start()
    await becomes(primary.is_in_step)


async def frozen_primary_replaced(ground: Ground) -> None:
    stand = _stand(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("cluster primary frozen", lags=True):
        primary.pause()
        await becomes(successor.is_primary)
        await traffic(ground)
        primary.resume()
    await becomes(primary.is_in_step)


async def primary_emptied(ground: Ground) -> None:
    """One without a replica."""
    stand = _stand(ground)
    with ground.history.fault("cluster primary restarted empty", _of(1)):
        stand.primaries[1].delete_expired()
        stand.primaries[1].start()
        await becomes(lambda: stand.is_served(stand.primaries[1]))


async def there_and_back(ground: Ground) -> None:
    """The replica lags behind, takes over, and hands back what it has before anybody asked it anything."""
    stand = _stand(ground)
    primary, successor = await _roles(stand)
    with ground.history.fault("cluster there and back", _of(0)), ground.history.stalled():
        await part(primary, successor)
        await traffic(ground)
        for number in ground.fleet.numbers:
            ground.fleet.pause(number)
        try:
            await successor.ask("CLUSTER FAILOVER", "TAKEOVER")
            await becomes(primary.is_in_step)
            await _fail_over(primary)
        finally:
            for number in ground.fleet.numbers:
                ground.fleet.resume(number)
            await hear_again(successor)
    await becomes(successor.is_in_step)


def _stand(ground: Ground) -> Clustered:
    assert ground.cluster
    return ground.cluster


def _of(number: int) -> Callable[[str], bool]:
    """Whether a key lies with that primary."""
    return lambda key: key_slot(key.encode()) * 3 // SLOTS == number


async def _roles(stand: Clustered) -> tuple[Member, Member]:
    pair = (stand.primaries[0], stand.successor)
    return pair if await pair[0].is_primary() else pair[::-1]


async def _fail_over(successor: Member) -> None:
    async def has_taken_over() -> bool:
        if await successor.is_primary():
            return True
        await successor.ask("CLUSTER FAILOVER")  # which it may not be ready for yet
        await asyncio.sleep(A_WHILE / 4)
        return False

    await becomes(has_taken_over)
