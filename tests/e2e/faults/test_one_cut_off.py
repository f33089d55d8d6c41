"""One instance that lost sight of a store while another has not: it knows that it is blind, and says so."""

import pytest

from tests.support.fault_instances import Instance, Wires
from tests.support.outages import CALLS, Scene, all_unavailable, recovers
from tests.support.relay import Mode
from tests.support.waiting import until


@pytest.mark.parametrize("store", ["redis", "postgres"])
async def test_an_instance_that_sees_no_store_is_not_ready_and_the_other_one_serves(
    wired: Scene, wires: Wires, instance: Instance, store: str
) -> None:
    other = await instance()
    gone = await other.log_in(wired.person)
    getattr(wires, store).behave(Mode.BLACKHOLE)

    async def blind_one_tells() -> bool:
        return not await wired.is_ready()

    await until(blind_one_tells)
    assert (await other.get("/readyz")).status == 200
    assert (await other.log_out(gone)).status == 200
    assert (await other.me(wired.tokens)).status == 200
    assert (await wired.client.me(gone)).status in (401, 503)  # and never what it knew before
    await all_unavailable(wired, *CALLS)
    assert (await wired.client.refresh(gone)).status == 503

    getattr(wires, store).behave(Mode.PASS)
    await recovers(wired)
    assert (await wired.client.me(gone)).status == 401
    assert (await wired.client.refresh(gone)).status == 401


async def test_an_instance_that_missed_the_loss_of_redis_finds_out_before_it_answers(
    wired: Scene, wires: Wires, instance: Instance
) -> None:
    """While it is cut off, Redis restarts empty, and another instance has told it again what was revoked."""
    other = await instance()
    gone = await other.log_in(wired.person)
    assert (await other.log_out(gone)).status == 200
    wires.redis.behave(Mode.BLACKHOLE)
    wired.redis.kill()
    for name in ("appendonly.aof", "dump.rdb"):
        (wired.redis.data / name).unlink(missing_ok=True)
    wired.redis.start()

    async def is_healed() -> bool:
        answer = await other.me(gone)
        assert answer.status in (401, 503)
        return answer.status == 401

    await until(is_healed)
    wires.redis.behave(Mode.RESET)
    wires.redis.behave(Mode.PASS)

    async def knows() -> bool:
        answer = await wired.client.me(gone)
        assert answer.status in (401, 503)
        return answer.status == 401

    await until(knows)
    assert (await wired.client.me(wired.tokens)).status == 200
