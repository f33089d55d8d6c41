"""How signing keys come, sign, retire and go; told by a clock that moves when it is told to."""

import pytest

from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.signing.key_rotation import NoSuchKeyError
from service.domain.signing.key_states import KILLED_FOR, OVERLAP, State, state_of
from service.settings import Tokens
from tests.builders import NOON, FakeAmbient
from tests.domain.key_ground import AHEAD, TOKENS, Instances


@pytest.fixture
def instances(ambient: FakeAmbient) -> Instances:
    return Instances(ambient)


async def test_the_first_start_makes_a_key_that_signs_and_one_that_is_ready_to_follow(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    first = ring.signing.kid
    assert sorted(instances.states().values()) == [State.ACTIVE, State.NEXT]
    heir = await life.rotate()
    assert heir.kid == ring.signing.kid != first  # at once: there never was a key set without it
    assert instances.in_state(State.RETIRED) == [first]
    assert ring.verifying(first)
    assert len(instances.in_state(State.NEXT)) == 1


async def test_a_key_signs_only_when_every_verifier_has_heard_of_it(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await life.rotate()
    signing = ring.signing.kid
    heir = await life.rotate()
    assert heir.activates_at == ambient.now() + AHEAD
    assert heir.kid in ring.jwks.decode()
    ambient.advance(seconds=AHEAD.total_seconds() - 1)
    assert ring.signing.kid == signing
    ambient.advance(seconds=1)
    assert ring.signing.kid == heir.kid
    assert state_of(heir, ambient.now(), TOKENS.longest) is State.ACTIVE


async def test_a_planned_takeover_stays_planned_or_is_hurried(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await life.rotate()
    planned = await life.rotate()
    ambient.advance(minutes=1)
    assert await life.rotate() == planned
    hurried = await life.rotate(at_once=True)
    assert (hurried.kid, hurried.activates_at) == (planned.kid, ambient.now())
    assert ring.signing.kid == planned.kid
    assert len(instances.in_state(State.ACTIVE)) == 1


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
    await life.tend()
    assert old not in ring.jwks.decode()
    assert instances.states()[old] is State.GONE
    ambient.advance(days=KILLED_FOR.days)
    await life.tend()
    assert old not in instances.states()


async def test_the_active_key_comes_first_in_the_key_set_then_the_next_then_the_retired(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    old = ring.signing.kid
    await life.rotate()
    order = [ring.signing.kid, *instances.in_state(State.NEXT), old]
    places = [ring.jwks.decode().index(kid) for kid in order]
    assert places == sorted(places)


async def test_a_key_that_retires_does_so_when_its_heir_signs(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    active, (waiting,) = ring.signing.kid, instances.in_state(State.NEXT)
    assert await life.retire(waiting) is State.NEXT
    assert await life.retire(active) is State.ACTIVE
    assert ring.signing.kid == waiting
    assert await life.retire(active) is State.RETIRED
    assert ring.signing.kid == waiting
    with pytest.raises(NoSuchKeyError):
        await life.retire("no such key")


async def test_a_killed_key_is_gone_at_once_and_another_signs(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    leaked = ring.signing.kid
    await instances.revoke(life, leaked)
    assert instances.states()[leaked] is State.GONE
    assert ring.verifying(leaked) is None
    assert leaked not in ring.jwks.decode()
    assert ring.signing.kid != leaked
    assert sorted(instances.states().values()) == [State.ACTIVE, State.GONE, State.NEXT]
    assert instances.denials.count == 1
    await instances.revoke(life, leaked)
    assert instances.denials.count == 2  # whoever asks again has it denied again


async def test_killing_one_key_after_another_never_leaves_the_service_without(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    for _ in range(3):
        for kid in [ring.signing.kid, *instances.in_state(State.NEXT), *instances.in_state(State.RETIRED)]:
            await instances.revoke(life, kid)
            assert ring.signing.kid != kid
            assert len(instances.in_state(State.ACTIVE)) == len(instances.in_state(State.NEXT)) == 1


async def test_killing_the_planned_heir_leaves_the_active_key_in_place(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await life.rotate()
    active = ring.signing.kid
    heir = await life.rotate()
    await instances.revoke(life, heir.kid)
    ambient.advance(hours=3)
    await life.tend()
    assert ring.signing.kid == active


async def test_a_key_dies_in_postgres_though_redis_does_not_answer(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    leaked = ring.signing.kid
    instances.denials.is_down = True
    with pytest.raises(NotDeniedYetError):
        await instances.revoke(life, leaked)
    assert instances.states()[leaked] is State.GONE
    assert ring.signing.kid != leaked
    instances.denials.is_down = False
    await instances.revoke(life, leaked)
    assert instances.denials.count == 1


async def test_a_key_of_the_first_schema_signs_on_and_gets_an_heir_in_its_time(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await instances.stored.add_first(ring.make())  # without any times
    await life.tend()
    assert ring.signing.kid == instances.stored.keys[0].kid
    ambient.advance(minutes=1)
    assert (await life.rotate()).activates_at == NOON + AHEAD


async def test_another_algorithm_begins_with_the_next_key_that_is_made(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, _ = instances.start()
    await ring.load()
    changed, life = instances.start(Tokens.model_validate({"algorithm": "Ed25519"}))
    await life.tend()
    assert changed.signing.algorithm == "ES256"
    await life.rotate()
    ambient.advance(minutes=6)
    await life.rotate()
    assert changed.signing.algorithm == "EdDSA"
    assert changed.algorithms == ["ES256", "EdDSA"]


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
async def test_no_key_bears_a_name_that_looks_like_an_option(instances: Instances, algorithm: str) -> None:
    ring, _ = instances.start(Tokens.model_validate({"algorithm": algorithm}))
    names = [ring.make().kid for _ in range(200)]
    assert not [name for name in names if name.startswith("-")]
