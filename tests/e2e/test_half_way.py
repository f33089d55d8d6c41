"""What happens to somebody who was half-way: a refresh that a logout overtakes, a restoring that is undone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from service.domain.models import Session, User, Visitor
from service.domain.sessions.models import Refreshed
from service.domain.sessions.revocation import SessionRevocation
from service.errors import InvalidRefreshTokenError, UnavailableError
from service.settings import TokenSettings
from service.stores import redis_keys
from service.stores.denylist import RedisDenylist
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from tests.conftest import OnFakes
from tests.support import builders
from tests.support.builders import part
from tests.support.fakes import FakeUsers

VISITOR = Visitor("127.0.0.1")


@dataclass(frozen=True)
class Snapshot:
    """A session as Redis held it before its logout, which was so long ago that its denial has lapsed."""

    redis: Redis
    tokens: dict[str, Any]
    dump: bytes

    @property
    def key(self) -> str:
        return redis_keys.session(self.tokens["refreshToken"][3:27])

    async def comes_back(self) -> None:
        """Redis restarts from it: there is no marker, and no denial either."""
        await self.redis.flushall()
        await self.redis.restore(self.key, 0, self.dump)


@pytest.fixture
async def snapshot(fakes: OnFakes) -> Snapshot:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    dump = await fakes.redis.dump(redis_keys.session(tokens["refreshToken"][3:27]))
    assert dump
    assert (await fakes.client.log_out(tokens)).status == 200
    fakes.ambient.advance(hours=2)
    return Snapshot(fakes.redis, tokens, dump)


class EventfulSessions(RedisSessions):
    """Something happens right after each use."""

    def __init__(self, redis: Redis, event: Callable[[], Awaitable[None]]) -> None:
        super().__init__(redis, Scripts(redis), TokenSettings())
        self._event = event

    async def use(self, session_id: str, digest: bytes, now: datetime, client_id: str = "") -> Session | None:
        found = await super().use(session_id, digest, now, client_id)
        await self._event()
        return found


class UndoneDenylist(RedisDenylist):
    """Something happens between what Postgres remembers and telling Redis so."""

    def __init__(self, fakes: OnFakes, event: Callable[[], Awaitable[None]]) -> None:
        super().__init__(fakes.redis, fakes.application.backends.servers, fakes.ambient)
        self._event = event

    async def restore(self, *entries: Any, **more: Any) -> None:
        await self._event()
        await super().restore(*entries, **more)


async def test_a_refresh_that_saw_an_old_snapshot_gets_nothing_when_another_instance_heals_it(
    fakes: OnFakes, snapshot: Snapshot
) -> None:
    await snapshot.comes_back()
    healed = EventfulSessions(fakes.redis, fakes.application.revocation.restore)
    sessions = replace(fakes.application.sessions, refresh_sessions=healed)
    with pytest.raises((InvalidRefreshTokenError, UnavailableError)):
        await sessions.refresh(snapshot.tokens["refreshToken"], VISITOR)


async def test_a_session_that_an_old_snapshot_brings_back_during_a_restoring_stays_over(
    fakes: OnFakes, snapshot: Snapshot
) -> None:
    await fakes.redis.flushall()
    denylist = UndoneDenylist(fakes, snapshot.comes_back)
    revocation = SessionRevocation(
        fakes.revocations,
        denylist,
        RedisSessions(fakes.redis, Scripts(fakes.redis), TokenSettings()),
        fakes.application.settings.tokens,
        fakes.ambient,
        keys=fakes.application.backends.signing_keys,
        events=builders.events(),
        clock=fakes.application.clock,
    )
    await revocation.restore()
    assert await denylist.is_complete()
    assert (await fakes.client.refresh(snapshot.tokens)).status == 401


class SlowUsers(FakeUsers):
    """Answers late."""

    def __init__(self, users: FakeUsers) -> None:
        super().__init__()
        self.rows = users.rows
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def by_id(self, user_id: UUID) -> User | None:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().by_id(user_id)


async def test_tokens_of_a_refresh_that_a_logout_overtook_are_denied_to_their_very_end(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    users = SlowUsers(fakes.users)
    sessions = replace(fakes.application.sessions, users=users)
    refreshing = asyncio.create_task(sessions.refresh(tokens["refreshToken"], VISITOR))
    await users.is_asked.wait()
    assert (await fakes.client.log_out(tokens)).status == 200
    patience = fakes.application.settings.database
    fakes.ambient.advance(seconds=(patience.acquire_timeout + patience.command_timeout).total_seconds())
    users.may_answer.set()
    (outcome,) = await asyncio.gather(refreshing, return_exceptions=True)
    if isinstance(outcome, Refreshed):
        (ending,) = fakes.revocations.rows.values()
        last_moment = datetime.fromtimestamp(json.loads(part(outcome.tokens.id_token, 1))["exp"], UTC)
        last_moment += fakes.application.settings.tokens.leeway
        assert ending.denied_until >= last_moment
    else:
        assert isinstance(outcome, InvalidRefreshTokenError)
