"""Random lives of one rotating session on two instances, held against a small model.

The model: an honest client that loses answers but retries within the grace, a thief who may copy its token at any time,
and a logout. Without a theft the honest client is never thrown out; after a theft the thief is never kept.
"""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import fakeredis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.domain.clock_watch import ClockWatch
from service.domain.events.security_events import Reason
from service.domain.models import Session, Visitor
from service.domain.seals import Seals
from service.domain.sessions.refresh_rotation import RefreshRotation, UnrecognisedTokenError
from service.domain.sessions.refresh_tokens import RefreshToken
from service.domain.sessions.revocation import SessionRevocation
from service.errors import InvalidRefreshTokenError
from service.settings import TokenSettings
from service.stores.denylist import RedisDenylist
from service.stores.redis import RedisServer
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeRevocations, FakeSigningKeys

GRACE = timedelta(seconds=10)
instances = st.integers(0, 1)


SOMEBODY = Visitor("192.0.2.7")


async def tell_nobody(*_: object) -> None:
    """Mails are no part of the model."""


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.loop.run(self._begin())

    async def _begin(self) -> None:
        self.ambient = FakeAmbient()
        self.redis_clock = pytest.MonkeyPatch()
        clock = SimpleNamespace(time=lambda: self.ambient.now().timestamp())
        self.redis_clock.setattr("fakeredis.commands_mixins.server_mixin.time", clock)
        config, server = TokenSettings(refresh_rotation=True), fakeredis.FakeServer()
        memory = FakeRevocations(self.ambient)
        self.rotations = []
        self.clients = []
        for _ in range(2):
            redis = fakeredis.FakeAsyncRedis(server=server)
            live = RedisSessions(redis, Scripts(redis), config)
            denylist = RedisDenylist(redis, RedisServer(b"run"), self.ambient)
            revocation = SessionRevocation(
                memory,
                denylist,
                live,
                config,
                self.ambient,
                keys=FakeSigningKeys(),
                events=builders.events(),
                clock=ClockWatch(),
            )
            await revocation.restore()
            seals = Seals([builders.SECRET], self.ambient)
            self.rotations.append(
                RefreshRotation(
                    live, revocation, seals, config, self.ambient, events=builders.events(), tell_owner=tell_nobody
                )
            )
            self.clients.append(redis)
        self.session = builders.session(self.ambient)
        self.revocation = revocation
        self.honest = RefreshToken.make(self.session.id, self.ambient)
        self.lost_at = self.ambient.now()
        self.waits_for_answer = False
        self.thief: RefreshToken | None = None
        self.over = False
        await live.open(self.session, self.honest.digest)

    def teardown(self) -> None:
        if not self.over and self.thief:
            for who in ("thief", "honest", "thief", "honest"):
                self.ambient.advance(seconds=11)
                self._refresh(who, 0)
            assert self._refresh("thief", 1) is None
        for redis in self.clients:
            self.loop.run(redis.aclose())
        self.loop.close()
        self.redis_clock.undo()

    def _refresh(self, who: str, instance: int) -> RefreshToken | None:
        shown = self.honest if who == "honest" else self.thief
        assert shown
        try:
            _, successor = self.loop.run(self._use(shown, instance))
        except InvalidRefreshTokenError:
            return None
        if who == "thief":
            self.thief = successor
        else:
            self.honest = successor
        return successor

    async def _use(self, shown: RefreshToken, instance: int) -> tuple[Session, RefreshToken]:
        try:
            return await self.rotations[instance].use(shown, SOMEBODY)
        except UnrecognisedTokenError as strange:
            await self.rotations[instance].check_for_reuse(strange, SOMEBODY)
            raise

    def _still_allowed(self, successor: RefreshToken | None) -> None:
        if not self.over and self.thief is None:
            assert successor, "an honest client was thrown out"
        if self.over:
            assert successor is None, "a session that is over was refreshed"

    @precondition(lambda self: not self.waits_for_answer)
    @rule(instance=instances)
    def the_honest_client_refreshes(self, instance: int) -> None:
        self._still_allowed(self._refresh("honest", instance))

    @precondition(lambda self: not self.waits_for_answer)
    @rule(instance=instances)
    def an_answer_is_lost(self, instance: int) -> None:
        held = self.honest
        self._still_allowed(self._refresh("honest", instance))
        self.honest, self.lost_at, self.waits_for_answer = held, self.ambient.now(), True

    @precondition(lambda self: self.waits_for_answer)
    @rule(instance=instances)
    def it_is_asked_for_again(self, instance: int) -> None:
        self._still_allowed(self._refresh("honest", instance))
        self.waits_for_answer = False

    @precondition(lambda self: not self.waits_for_answer)
    @rule(first=instances)
    def two_tabs_refresh_at_once(self, first: int) -> None:
        held = self.honest
        one = self._refresh("honest", first)
        self.honest = held
        two = self._refresh("honest", 1 - first)
        if self.thief is None and not self.over:
            assert one == two
            assert one

    @rule(seconds=st.sampled_from([0.5, 3, 9, 11, 3600]))
    def time_goes_by(self, seconds: float) -> None:
        left = (self.lost_at + GRACE - self.ambient.now()).total_seconds()
        self.ambient.advance(seconds=min(seconds, left - 0.001) if self.waits_for_answer else seconds)

    @precondition(lambda self: self.thief is None)
    @rule()
    def the_token_is_stolen(self) -> None:
        self.thief = self.honest

    @precondition(lambda self: self.thief is not None)
    @rule(instance=instances)
    def the_thief_refreshes(self, instance: int) -> None:
        successor = self._refresh("thief", instance)
        assert not (self.over and successor)

    @rule()
    def the_user_logs_out(self) -> None:
        self.loop.run(self.revocation.end(self.session.user_id, [self.session.id], why=Reason.LOGOUT))
        self.over = True

    @invariant()
    def a_made_up_token_gets_nothing(self) -> None:
        made_up = RefreshToken.make(self.session.id, self.ambient)
        try:
            self.loop.run(self._use(made_up, 0))
        except InvalidRefreshTokenError:
            return
        raise AssertionError("a made-up token was taken")


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
