"""What happens to the primaries of a cluster."""

from collections.abc import Callable
from contextlib import suppress

from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.e2e.history.grounds import Ground
from tests.e2e.history.nemeses_sentinel import hear_again
from tests.e2e.history.pace import TAKES_OVER, traffic
from tests.e2e.stands import SLOTS, Clustered, Member, part
from tests.patience import until


async def planned_failover(ground: Ground) -> None:
    stand = _stand(ground)
    primary, heir = await _roles(stand)
    with ground.history.fault("planned cluster failover", lags=True):
        await _fail_over(stand, heir)
        await traffic(ground)
    await _follows(primary)


async def crash_failover(ground: Ground) -> None:
    stand = _stand(ground)
    primary, heir = await _roles(stand)
    with ground.history.fault("cluster primary killed", lags=True):
        primary.kill()
        await until(lambda: _is_primary(heir), within=TAKES_OVER)
        await traffic(ground)
        primary.start()
    await _follows(primary)


async def frozen_primary_replaced(ground: Ground) -> None:
    stand = _stand(ground)
    primary, heir = await _roles(stand)
    with ground.history.fault("cluster primary frozen", lags=True):
        primary.pause()
        await until(lambda: _is_primary(heir), within=TAKES_OVER)
        await traffic(ground)
        primary.resume()
    await _follows(primary)


async def primary_emptied(ground: Ground) -> None:
    """One without a replica."""
    stand = _stand(ground)
    with ground.history.fault("cluster primary restarted empty", _of(1)):
        stand.primaries[1].forget()
        stand.primaries[1].start()
        await until(lambda: stand.is_served(stand.primaries[1]), within=TAKES_OVER)


async def there_and_back(ground: Ground) -> None:
    """The replica lags behind, takes over, and hands back what it has before anybody asked it anything."""
    stand = _stand(ground)
    primary, heir = await _roles(stand)
    with ground.history.fault("cluster there and back", _of(0)), ground.history.stalled():
        await part(primary, heir)
        await traffic(ground)
        for number in ground.fleet.numbers:
            ground.fleet.pause(number)
        try:
            await heir.ask("CLUSTER FAILOVER", "TAKEOVER")
            await _follows(primary)
            await _fail_over(stand, primary)
        finally:
            for number in ground.fleet.numbers:
                ground.fleet.resume(number)
            await hear_again(heir)
    await _follows(heir)


def _stand(ground: Ground) -> Clustered:
    assert ground.cluster
    return ground.cluster


def _of(number: int) -> Callable[[str], bool]:
    """Whether a key lies with that primary."""
    return lambda key: key_slot(key.encode()) * 3 // SLOTS == number


async def _roles(stand: Clustered) -> tuple[Member, Member]:
    pair = (stand.primaries[0], stand.heir)
    return pair if await pair[0].is_primary() else pair[::-1]


async def _fail_over(stand: Clustered, heir: Member) -> None:
    async def has_taken_over() -> bool:
        with suppress(RedisError, OSError):
            if not await heir.is_primary():
                await heir.ask("CLUSTER FAILOVER")
        return await _is_primary(heir)

    await until(has_taken_over, within=TAKES_OVER, step=0.5)


async def _is_primary(member: Member) -> bool:
    with suppress(RedisError, OSError):
        return await member.is_primary()
    return False


async def _follows(member: Member) -> None:
    """Until it is a replica that has all."""

    async def is_in_step() -> bool:
        with suppress(RedisError, OSError):
            return await member.is_in_step()
        return False

    await until(is_in_step, within=TAKES_OVER)
