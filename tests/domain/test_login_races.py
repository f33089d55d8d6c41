"""What happens to an account between a right password and the session that it opens."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from service.domain.models import Session, Visitor
from service.errors import InvalidCredentialsError
from service.settings import TokenSettings
from service.stores.scripts import Scripts
from service.stores.sessions import RedisSessions
from tests.conftest import OnFakes, bearer
from tests.support.builders import PASSWORD

VISITOR = Visitor("127.0.0.1")
Event = Callable[[OnFakes, dict[str, Any]], Awaitable[object]]


class InterruptedSessions(RedisSessions):
    """Something happens right before or right after a session is opened."""

    def __init__(self, fakes: OnFakes, event: Callable[[], Awaitable[object]], *, after: bool) -> None:
        super().__init__(fakes.redis, Scripts(fakes.redis), TokenSettings())
        self._event, self._after = event, after

    async def open(self, session: Session, digest: bytes) -> Any:
        if not self._after:
            await self._event()
        over = await super().open(session, digest)
        if self._after:
            await self._event()
        return over


async def password_is_changed(fakes: OnFakes, person: dict[str, Any]) -> None:
    tokens = await fakes.client.log_in(person)
    fakes.ambient.advance(seconds=1)
    body = {"currentPassword": PASSWORD, "newPassword": "EvenMoreSecure2?"}
    assert (await fakes.client.post("/auth/password", body, **bearer(tokens))).status == 200


async def account_is_disabled(fakes: OnFakes, person: dict[str, Any]) -> None:
    assert await fakes.application.accounts.disable(person["email"])


async def account_is_closed(fakes: OnFakes, person: dict[str, Any]) -> None:
    tokens = await fakes.client.log_in(person)
    answer = await fakes.client.http.delete("/auth/me", headers=bearer(tokens), json={"password": PASSWORD})
    assert answer.status == 204


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("event", [password_is_changed, account_is_disabled, account_is_closed])
async def test_a_login_that_an_ending_overtakes_opens_nothing(fakes: OnFakes, event: Event, *, after: bool) -> None:
    person = await fakes.client.sign_up()
    refresh_sessions = InterruptedSessions(fakes, lambda: event(fakes, person), after=after)
    login = replace(fakes.application.login, refresh_sessions=refresh_sessions)
    with pytest.raises(InvalidCredentialsError):
        await login.with_password(person["email"], PASSWORD, VISITOR)
    held = await refresh_sessions.all_of(UUID(person["userId"]), fakes.ambient.now())
    assert len(held) == (1 if event is password_is_changed else 0)  # the one that changed it


async def test_a_session_that_was_ended_is_remembered_until_no_snapshot_can_bring_it_back(fakes: OnFakes) -> None:
    """Its denial has lapsed long before, and Redis may have been restored from any copy of the last thirty days."""
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    key = (await fakes.redis.keys("th:session:*"))[0]
    copy = await fakes.redis.dump(key)
    assert copy
    assert (await fakes.client.log_out(tokens)).status == 200
    fakes.ambient.advance(days=29, hours=23)
    await fakes.application.revocation.delete_expired()
    await fakes.redis.restore(key, 0, copy)
    assert (await fakes.client.refresh(tokens)).status == 401
    assert fakes.revocations.rows
    fakes.ambient.advance(hours=1)
    await fakes.application.revocation.delete_expired()
    assert not fakes.revocations.rows
    assert (await fakes.client.refresh(tokens)).status == 401  # over by its own age
