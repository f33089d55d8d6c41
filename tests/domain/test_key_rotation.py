"""How signing keys come, sign, retire and go; told by a clock that moves when it is told to."""

import pytest

from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.signing.key_rotation import NoSuchKeyError
from service.domain.signing.key_states import KILLED_FOR, OVERLAP, KeyState, state_of
from service.errors import MisfitError
from service.settings import TokenSettings
from tests.support.builders import NOON, FakeAmbient
from tests.support.key_rings import AHEAD, TOKENS, Instances


@pytest.fixture
def instances(ambient: FakeAmbient) -> Instances:
    return Instances(ambient)


async def test_the_first_start_makes_a_key_that_signs_and_one_that_is_ready_to_follow(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    first = ring.signing.kid
    assert sorted(instances.states().values()) == [KeyState.ACTIVE, KeyState.NEXT]
    successor = await life.rotate()
    assert successor.kid == ring.signing.kid != first  # at once: there never was a key set without it
    assert instances.in_state(KeyState.RETIRED) == [first]
    assert ring.verifying(first)
    assert len(instances.in_state(KeyState.NEXT)) == 1


async def test_a_key_signs_only_when_every_verifier_has_heard_of_it(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await life.rotate()
    signing = ring.signing.kid
    successor = await life.rotate()
    assert successor.activates_at == ambient.now() + AHEAD
    assert successor.kid in ring.jwks.decode()
    ambient.advance(seconds=AHEAD.total_seconds() - 1)
    assert ring.signing.kid == signing
    ambient.advance(seconds=1)
    assert ring.signing.kid == successor.kid
    assert state_of(successor, ambient.now(), TOKENS.longest) is KeyState.ACTIVE


async def test_a_planned_takeover_stays_planned_or_is_hurried(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await life.rotate()
    planned = await life.rotate()
    ambient.advance(minutes=1)
    assert await life.rotate() == planned
    hurried = await life.rotate(at_once=True)
    assert (hurried.kid, hurried.activates_at) == (planned.kid, ambient.now())
    assert ring.signing.kid == planned.kid
    assert len(instances.in_state(KeyState.ACTIVE)) == 1


async def test_a_retired_key_verifies_until_its_longest_token_is_over(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await ring.load()
    old = ring.signing.kid
    await life.rotate()
    ambient.advance(seconds=(TOKENS.longest + OVERLAP).total_seconds() - 1)
    assert ring.verifying(old)
    ambient.advance(seconds=1)
    assert ring.verifying(old) is None  # without reading the keys again
    await life.maintain()
    assert old not in ring.jwks.decode()
    assert instances.states()[old] is KeyState.GONE
    ambient.advance(days=KILLED_FOR.days)
    await life.maintain()
    assert old not in instances.states()


async def test_the_active_key_comes_first_in_the_key_set_then_the_next_then_the_retired(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    old = ring.signing.kid
    await life.rotate()
    order = [ring.signing.kid, *instances.in_state(KeyState.NEXT), old]
    places = [ring.jwks.decode().index(kid) for kid in order]
    assert places == sorted(places)


async def test_a_key_that_retires_does_so_when_its_heir_signs(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    active, (waiting,) = ring.signing.kid, instances.in_state(KeyState.NEXT)
    assert await life.retire(waiting) is KeyState.NEXT
    assert await life.retire(active) is KeyState.ACTIVE
    assert ring.signing.kid == waiting
    assert await life.retire(active) is KeyState.RETIRED
    assert ring.signing.kid == waiting
    with pytest.raises(NoSuchKeyError):
        await life.retire("no such key")


async def test_a_killed_key_is_gone_at_once_and_another_signs(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    leaked = ring.signing.kid
    await instances.revoke(life, leaked)
    assert instances.states()[leaked] is KeyState.GONE
    assert ring.verifying(leaked) is None
    assert leaked not in ring.jwks.decode()
    assert ring.signing.kid != leaked
    assert sorted(instances.states().values()) == [KeyState.ACTIVE, KeyState.GONE, KeyState.NEXT]
    assert instances.denials.count == 1
    await instances.revoke(life, leaked)
    assert instances.denials.count == 2  # whoever asks again has it denied again


async def test_killing_one_key_after_another_never_leaves_the_service_without(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    for _ in range(3):
        for kid in [ring.signing.kid, *instances.in_state(KeyState.NEXT), *instances.in_state(KeyState.RETIRED)]:
            await instances.revoke(life, kid)
            assert ring.signing.kid != kid
            assert len(instances.in_state(KeyState.ACTIVE)) == len(instances.in_state(KeyState.NEXT)) == 1


async def test_killing_the_planned_heir_leaves_the_active_key_in_place(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await life.rotate()
    active = ring.signing.kid
    successor = await life.rotate()
    await instances.revoke(life, successor.kid)
    ambient.advance(hours=3)
    await life.maintain()
    assert ring.signing.kid == active


async def test_a_key_dies_in_postgres_though_redis_does_not_answer(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    leaked = ring.signing.kid
    instances.denials.is_down = True
    with pytest.raises(NotDeniedYetError):
        await instances.revoke(life, leaked)
    assert instances.states()[leaked] is KeyState.GONE
    assert ring.signing.kid != leaked
    instances.denials.is_down = False
    await instances.revoke(life, leaked)
    assert instances.denials.count == 1


async def test_a_key_of_the_first_schema_signs_on_and_gets_an_heir_in_its_time(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await instances.stored.add_first(ring.make())  # without any times
    await life.maintain()
    assert ring.signing.kid == instances.stored.keys[0].kid
    ambient.advance(minutes=1)
    assert (await life.rotate()).activates_at == NOON + AHEAD


async def test_another_algorithm_begins_with_the_next_key_that_is_made(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, _ = instances.start()
    await ring.load()
    changed, life = instances.start(TokenSettings.model_validate({"algorithm": "Ed25519"}))
    await life.maintain()
    assert changed.signing.algorithm == "ES256"
    await life.rotate()
    ambient.advance(minutes=6)
    await life.rotate()
    assert changed.signing.algorithm == "EdDSA"
    assert changed.algorithms == ["ES256", "EdDSA"]


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
async def test_no_key_bears_a_name_that_looks_like_an_option(instances: Instances, algorithm: str) -> None:
    ring, _ = instances.start(TokenSettings.model_validate({"algorithm": algorithm}))
    names = [ring.make().kid for _ in range(200)]
    assert not [name for name in names if name.startswith("-")]


async def test_an_instance_whose_clock_is_wrong_dates_and_deletes_no_key(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await life.rotate(at_once=True)
    before = list(instances.stored.keys)
    ambient.advance(days=40)
    instances.clock.note("the clock of this instance is 40 days ahead")
    for change in (life.maintain(), life.rotate(), instances.revoke(life, ring.rows[0].kid)):
        with pytest.raises(MisfitError):
            await change
    assert list(instances.stored.keys) == before
