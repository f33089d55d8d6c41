"""How signing keys come, sign, retire and go; told by a clock that moves when it is told to."""

import asyncio
from collections.abc import Sequence

import pytest

from service.domain.key_life import KeyLife, NoSuchKeyError, NotDeniedYetError
from service.domain.key_states import KILLED_FOR, OVERLAP, State, state_of
from service.domain.keys import KeyRing
from service.domain.models import StoredKey
from service.domain.seals import Seals
from service.settings import Keys, Tokens
from tests import builders
from tests.builders import NOON, FakeAmbient
from tests.fakes import FakeSigningKeys
from tests.patience import until

TOKENS = Tokens.model_validate({"algorithm": "ES256"})
AHEAD = Keys().publish_ahead


class Denials:
    """Stands for the endings: how often they were told to deny killed keys, and whether Redis lets them."""

    def __init__(self) -> None:
        self.count = 0
        self.is_down = False

    async def deny_killed_keys(self) -> None:
        if self.is_down:
            raise ConnectionError
        self.count += 1


class CountedKeys(FakeSigningKeys):
    """Counts how often the keys are read, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.is_down = False

    async def all(self) -> Sequence[StoredKey]:
        self.reads += 1
        await asyncio.sleep(0)  # so that others get their turn, as with a real store
        if self.is_down:
            raise ConnectionError
        return await super().all()


class Instances:
    """As many instances as wanted on the same keys."""

    def __init__(self, ambient: FakeAmbient) -> None:
        self.ambient = ambient
        self.stored = CountedKeys()
        self.denials = Denials()

    def start(self, tokens: Tokens = TOKENS, **settings: object) -> tuple[KeyRing, KeyLife]:
        ring = KeyRing(self.stored, Seals([builders.SECRET], self.ambient), self.ambient, tokens)
        life = KeyLife(
            ring, self.stored, self.denials, settings=Keys.model_validate(settings), longest=tokens.longest,  # type: ignore[arg-type] # as much of the endings as is asked
            ambient=self.ambient,
        )  # fmt: skip
        return ring, life

    def states(self) -> dict[str, State]:
        return {key.kid: state_of(key, self.ambient.now(), TOKENS.longest) for key in self.stored.keys}

    def in_state(self, state: State) -> list[str]:
        return [kid for kid, held in self.states().items() if held is state]


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
    await life.kill(leaked)
    assert instances.states()[leaked] is State.GONE
    assert ring.verifying(leaked) is None
    assert leaked not in ring.jwks.decode()
    assert ring.signing.kid != leaked
    assert sorted(instances.states().values()) == [State.ACTIVE, State.GONE, State.NEXT]
    assert instances.denials.count == 1
    await life.kill(leaked)
    assert instances.denials.count == 2  # whoever asks again has it denied again


async def test_killing_one_key_after_another_never_leaves_the_service_without(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    for _ in range(3):
        for kid in [ring.signing.kid, *instances.in_state(State.NEXT), *instances.in_state(State.RETIRED)]:
            await life.kill(kid)
            assert ring.signing.kid != kid
            assert len(instances.in_state(State.ACTIVE)) == len(instances.in_state(State.NEXT)) == 1


async def test_killing_the_planned_heir_leaves_the_active_key_in_place(
    instances: Instances, ambient: FakeAmbient
) -> None:
    ring, life = instances.start()
    await life.rotate()
    active = ring.signing.kid
    heir = await life.rotate()
    await life.kill(heir.kid)
    ambient.advance(hours=3)
    await life.tend()
    assert ring.signing.kid == active


async def test_a_key_dies_in_postgres_though_redis_does_not_answer(instances: Instances) -> None:
    ring, life = instances.start()
    await ring.load()
    leaked = ring.signing.kid
    instances.denials.is_down = True
    with pytest.raises(NotDeniedYetError):
        await life.kill(leaked)
    assert instances.states()[leaked] is State.GONE
    assert ring.signing.kid != leaked
    instances.denials.is_down = False
    await life.kill(leaked)
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


async def test_ten_instances_rotate_an_old_key_once(instances: Instances, ambient: FakeAmbient) -> None:
    everyone = [instances.start(rotate_after="90d") for _ in range(10)]
    await asyncio.gather(*(ring.load() for ring, _ in everyone))
    first = everyone[0][0].signing.kid
    ambient.advance(days=90, seconds=-1)
    await asyncio.gather(*(life.tend() for _, life in everyone))
    assert {ring.signing.kid for ring, _ in everyone} == {first}
    ambient.advance(seconds=1)
    await asyncio.gather(*(life.tend() for _, life in everyone))
    await asyncio.gather(*(life.tend() for _, life in everyone))
    assert len({ring.signing.kid for ring, _ in everyone} - {first}) == 1
    assert sorted(instances.states().values()) == [State.ACTIVE, State.NEXT, State.RETIRED]


async def test_keys_never_grow_too_old_unless_the_settings_say_so(instances: Instances, ambient: FakeAmbient) -> None:
    ring, life = instances.start()
    await ring.load()
    first = ring.signing.kid
    ambient.advance(days=4000)
    await life.tend()
    assert ring.signing.kid == first


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
    following = asyncio.create_task(life.follow(0, 0))
    await until(lambda: has_read(instances, 3), within=5)
    instances.stored.is_down = False
    await other.rotate()
    await until(lambda: signs_with_another(ring, first), within=5)
    following.cancel()


async def has_read(instances: Instances, times: int) -> bool:
    return instances.stored.reads > times


async def signs_with_another(ring: KeyRing, kid: str) -> bool:
    return ring.signing.kid != kid


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
async def test_no_key_bears_a_name_that_looks_like_an_option(instances: Instances, algorithm: str) -> None:
    ring, _ = instances.start(Tokens.model_validate({"algorithm": algorithm}))
    names = [ring.make().kid for _ in range(200)]
    assert not [name for name in names if name.startswith("-")]
