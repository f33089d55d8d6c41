"""Any number of instances on the same signing keys, in memory."""

import asyncio
from collections.abc import Sequence

from service.domain.operations.key_compromise import KeyCompromise
from service.domain.seals import Seals
from service.domain.signing.key_rotation import KeyLife
from service.domain.signing.key_states import State, state_of
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLives
from service.domain.signing.models import StoredKey
from service.settings import Keys, Tokens
from tests import builders
from tests.builders import FakeAmbient
from tests.fakes import FakeLives, FakeSigningKeys

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
        lives = LongestLives(FakeLives(self.ambient), tokens, self.ambient)
        ring = KeyRing(self.stored, Seals([builders.SECRET], self.ambient), self.ambient, tokens, lives)
        life = KeyLife(
            ring,
            self.stored,
            settings=Keys.model_validate(settings),
            lives=lives,
            ambient=self.ambient,
            events=builders.events(),
        )
        return ring, life

    async def revoke(self, life: KeyLife, kid: str) -> None:
        await KeyCompromise(life, self.denials).revoke(kid)  # type: ignore[arg-type] # as much of the endings as is asked

    def states(self) -> dict[str, State]:
        return {key.kid: state_of(key, self.ambient.now(), TOKENS.longest) for key in self.stored.keys}

    def in_state(self, state: State) -> list[str]:
        return [kid for kid, held in self.states().items() if held is state]
