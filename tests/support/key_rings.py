"""Any number of instances on the same signing keys, in memory."""

import asyncio
from collections.abc import Sequence

from service.domain.clock_watch import ClockWatch
from service.domain.operations.key_compromise import KeyCompromise
from service.domain.seals import Seals
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.key_states import KeyState, state_of
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.models import StoredKey
from service.settings import KeySettings, TokenSettings
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeLifetimes, FakeSigningKeys

TOKENS = TokenSettings.model_validate({"algorithm": "ES256"})
AHEAD = KeySettings().publish_ahead


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
        self.clock = ClockWatch()

    def start(self, tokens: TokenSettings = TOKENS, **settings: object) -> tuple[KeyRing, KeyRotation]:
        lifetimes = LongestLifetimes(FakeLifetimes(self.ambient), tokens, self.ambient)
        ring = KeyRing(self.stored, Seals([builders.SECRET], self.ambient), self.ambient, tokens, lifetimes)
        life = KeyRotation(
            ring,
            self.stored,
            settings=KeySettings.model_validate(settings),
            lifetimes=lifetimes,
            ambient=self.ambient,
            events=builders.events(),
            clock=self.clock,
        )
        return ring, life

    async def revoke(self, life: KeyRotation, kid: str) -> None:
        await KeyCompromise(life, self.denials).revoke(kid)  # type: ignore[arg-type] # as much of the endings as is asked

    def states(self) -> dict[str, KeyState]:
        return {key.kid: state_of(key, self.ambient.now(), TOKENS.longest) for key in self.stored.keys}

    def in_state(self, state: KeyState) -> list[str]:
        return [kid for kid, held in self.states().items() if held is state]
