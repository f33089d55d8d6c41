"""How every instance keeps up with the signing keys: by the minute, by age, and when a token names one it lacks."""

import asyncio

import pytest

from service.domain.signing.key_states import KeyState
from service.domain.signing.keyring import KeyRing
from tests.support.builders import FakeAmbient
from tests.support.key_rings import Instances
from tests.support.waiting import until


@pytest.fixture
def instances(ambient: FakeAmbient) -> Instances:
    return Instances(ambient)


async def test_ten_instances_rotate_an_old_key_once(instances: Instances, ambient: FakeAmbient) -> None:
    everyone = [instances.start(rotate_after="90d") for _ in range(10)]
    await asyncio.gather(*(ring.load() for ring, _ in everyone))
    first = everyone[0][0].signing.kid
    ambient.advance(days=90, seconds=-1)
    await asyncio.gather(*(life.maintain() for _, life in everyone))
    assert {ring.signing.kid for ring, _ in everyone} == {first}
    ambient.advance(seconds=1)
    await asyncio.gather(*(life.maintain() for _, life in everyone))
    await asyncio.gather(*(life.maintain() for _, life in everyone))
    assert len({ring.signing.kid for ring, _ in everyone} - {first}) == 1
    assert sorted(instances.states().values()) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]


async def test_keys_never_grow_too_old_unless_the_settings_say_so(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await ring.load()
    first = ring.signing.kid
    ambient.advance(days=4000)
    await life.maintain()
    assert ring.signing.kid == first


async def test_a_flood_of_unknown_keys_reads_the_store_once_in_ten_seconds(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, _ = instances.start()
    await ring.load()
    before = instances.stored.reads
    await asyncio.gather(*(ring.look_again() for _ in range(1000)))
    assert instances.stored.reads == before + 1
    ambient.advance(seconds=9.9)
    await asyncio.gather(*(ring.look_again() for _ in range(1000)))
    assert instances.stored.reads == before + 1
    ambient.advance(seconds=0.1)
    await asyncio.gather(*(ring.look_again() for _ in range(1000)))
    assert instances.stored.reads == before + 2


async def test_while_the_store_is_down_nobody_is_told_that_a_key_is_unknown(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, _ = instances.start()
    await ring.load()
    instances.stored.is_down = True
    before = instances.stored.reads
    said = await asyncio.gather(*(ring.look_again() for _ in range(100)), return_exceptions=True)
    assert {type(one) for one in said} == {ConnectionError}
    with pytest.raises(ConnectionError):
        await ring.look_again()
    assert instances.stored.reads == before + 1
    instances.stored.is_down = False
    ambient.advance(seconds=1)
    await ring.look_again()
    assert ring.verifying(ring.signing.kid)


async def test_a_look_that_its_caller_gave_up_serves_the_others(instances: Instances) -> None:
    ring, _ = instances.start()
    await ring.load()
    impatient, patient = asyncio.create_task(ring.look_again()), asyncio.create_task(ring.look_again())
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_an_instance_goes_on_following_after_its_store_was_down(instances: Instances) -> None:
    ring, life = instances.start()
    _, other = instances.start()
    await ring.load()
    first = ring.signing.kid
    instances.stored.is_down = True
    following = asyncio.create_task(life.run_forever(0, 0))
    await until(lambda: has_read(instances, 3))
    instances.stored.is_down = False
    await other.rotate()
    await until(lambda: signs_with_another(ring, first))
    following.cancel()


async def has_read(instances: Instances, times: int) -> bool:
    return instances.stored.reads > times


async def signs_with_another(ring: KeyRing, kid: str) -> bool:
    return ring.signing.kid != kid
