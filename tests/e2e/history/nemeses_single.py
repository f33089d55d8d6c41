"""What breaks where there is one of each store, and what happens to instances on every ground."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from service.stores import redis_keys
from tests.e2e.history.clocked import ClockedRedis
from tests.e2e.history.grounds import Ground
from tests.e2e.history.pace import A_WHILE, ENOUGH, TAKES_OVER, traffic
from tests.e2e.history.record import everything
from tests.e2e.test_postgres_hosts import command
from tests.support.relay import Mode, Relay
from tests.support.waiting import until

TWO_HOURS = 7200
LIMITS = redis_keys.limit("", "").partition("{")[0]


async def redis_killed(ground: Ground) -> None:
    assert ground.redis
    with ground.history.fault("redis killed"):
        ground.redis.kill()
        await asyncio.sleep(A_WHILE / 4)
        ground.redis.start()


async def redis_frozen(ground: Ground) -> None:
    assert ground.redis
    with ground.history.fault("redis frozen"):
        ground.redis.pause()
        await asyncio.sleep(A_WHILE)
        ground.redis.resume()


async def redis_emptied(ground: Ground) -> None:
    await _flush(ground, "redis emptied", 1)


async def redis_emptied_again_and_again(ground: Ground) -> None:
    """Also while what was lost is being restored."""
    await _flush(ground, "redis emptied again and again", 40)


async def _flush(ground: Ground, name: str, times: int) -> None:
    assert ground.redis
    async with Redis.from_url(ground.redis.url) as redis:
        with ground.history.fault(name, everything):
            for _ in range(times):
                await redis.flushall()
                await asyncio.sleep(ground.dice.uniform(0, 0.06) if times > 1 else 0)


async def redis_clock_stepped_forward(ground: Ground) -> None:
    redis = await _under_a_clock(ground)
    with ground.history.fault("redis' clock two hours ahead", _is_a_limit):
        redis.set_clock(TWO_HOURS)
        await traffic(ground, 4 * ENOUGH)


async def redis_clock_stepped_back(ground: Ground) -> None:
    redis = await _under_a_clock(ground)
    redis.set_clock(TWO_HOURS)
    with ground.history.fault("redis' clock two hours ahead, and right again", _is_a_limit):
        await traffic(ground, 4 * ENOUGH)
        redis.set_clock(0)
        await traffic(ground, 4 * ENOUGH)


async def _under_a_clock(ground: Ground) -> ClockedRedis:
    assert ground.clocked
    ground.clocked.put_under_a_clock()
    with ground.history.fault("redis restarted under a clock", _is_a_limit):  # which may have been stepped before
        ground.clocked.kill()
        ground.clocked.start()
    await ground.fleet.all_ready()
    await traffic(ground)
    return ground.clocked


def _is_a_limit(key: str) -> bool:
    """They run off with the time."""
    return key.startswith(LIMITS)


async def postgres_restarted(ground: Ground) -> None:
    with ground.history.fault("postgres restarted"):
        ground.postgres.kill()
        await asyncio.sleep(A_WHILE / 4)
        ground.postgres.start()


async def postgres_frozen(ground: Ground) -> None:
    with ground.history.fault("postgres frozen"):
        ground.postgres.pause()
        await asyncio.sleep(A_WHILE)
        ground.postgres.resume()


async def cut_off_from_redis(ground: Ground) -> None:
    await _part(ground, "instance 0 cut off from redis", ground.to_redis[0])


async def cut_off_from_postgres(ground: Ground) -> None:
    await _part(ground, "instance 0 cut off from postgres", [ground.to_postgres[0]])


async def cut_off_from_both(ground: Ground) -> None:
    await _part(ground, "instance 0 cut off from both", [*ground.to_redis[0], ground.to_postgres[0]])


async def redis_out_of_reach_for_longer_than_the_grace(ground: Ground) -> None:
    """For everybody; what was sent meanwhile arrives at the end."""
    wires = [wire for ways in ground.to_redis for wire in ways]
    await _part(ground, "redis out of reach for longer than the grace", wires, 12.0)


async def _part(ground: Ground, name: str, wires: Sequence[Relay], seconds: float = A_WHILE) -> None:
    with ground.history.fault(name):
        for wire in wires:
            wire.behave(Mode.BLACKHOLE)
        await asyncio.sleep(seconds)
        for wire in wires:
            wire.behave(Mode.PASS)


# --- instances, on every ground


async def instance_killed(ground: Ground) -> None:
    with ground.history.fault("instance killed"):
        ground.fleet.kill(1)
        await traffic(ground)
        ground.fleet.start(1)


async def instance_frozen(ground: Ground) -> None:
    with ground.history.fault("instance frozen"), ground.history.stalled():
        ground.fleet.pause(1)
        await asyncio.sleep(A_WHILE)
        ground.fleet.resume(1)


async def clock_a_little_off(ground: Ground) -> None:
    await _clock(ground, "clock within the leeway", ground.dice.choice([-4.0, 4.0]))


async def clock_far_behind(ground: Ground) -> None:
    await _clock(ground, "clock two hours behind", -7200.0)


async def clock_far_ahead(ground: Ground) -> None:
    await _clock(ground, "clock two hours ahead", 7200.0)


async def _clock(ground: Ground, name: str, ahead: float) -> None:
    """One instance's; what it ended must stay ended when Redis forgets it."""
    with ground.history.fault(name):
        ground.fleet.kill(1)
        ground.fleet.start(1, ahead)
        await until(lambda: ground.fleet.is_alive(1), within=TAKES_OVER)
        await traffic(ground, 4 * ENOUGH)
    if ground.redis:
        await redis_emptied(ground)
        await traffic(ground)
    with ground.history.fault("clock set right"):
        ground.fleet.kill(1)
        ground.fleet.start(1)


# --- two Postgres


async def postgres_taken_over(ground: Ground) -> None:
    """Once in a run. What was acknowledged had reached the standby."""
    assert ground.pair
    with ground.history.fault("postgres primary killed"):
        ground.pair.primary.kill()
        await ground.pair.promote()
        await traffic(ground)


async def postgres_turned_read_only(ground: Ground) -> None:
    with ground.history.fault("postgres read-only"):
        server = ground.postgres
        await command(server, "ALTER SYSTEM SET default_transaction_read_only = on")
        await command(server, "SELECT pg_reload_conf()")
        await asyncio.sleep(A_WHILE)
        await command(server, "ALTER SYSTEM RESET default_transaction_read_only")
        await command(server, "SELECT pg_reload_conf()")
