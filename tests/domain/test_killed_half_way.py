"""An instance that dies at any step of a change over two stores leaves nothing that another one does not finish.

A step is a call of a store. An instance that dies never hears its answer: nothing after it runs there, no clean-up either.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import fakeredis
import pytest
from structlog.testing import capture_logs

from service.assembly.application import Application, build_on
from service.assembly.backends import Backends
from service.domain.events.security_events import Reason
from service.domain.models import Visitor
from service.domain.second_factors.models import NO_PROOF
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.errors import UnavailableError
from tests.conftest import OnFakes, bearer
from tests.support.builders import PASSWORD
from tests.support.waiting import PATIENCE

NEW = "EvenMoreSecure2?"
VISITOR = Visitor("127.0.0.1")
MOST_STEPS = 60


class Mortal:
    """Counts the calls of the stores behind it, and stops at one of them, before or after it was carried out."""

    def __init__(self, steps: int, *, after: bool) -> None:
        self._steps = self._steps_left = steps
        self._after = after
        self._buried = asyncio.Event()
        self.died = asyncio.Event()

    @property
    def steps(self) -> int:
        """Those it has made."""
        return self._steps - self._steps_left

    async def step(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self._steps_left -= 1
        if self._steps_left < 0 or (self._steps_left == 0 and not self._after):
            await self._die()
        answer = await call()
        if self._steps_left == 0:
            await self._die()
        return answer

    async def _die(self) -> None:
        self.died.set()
        await self._buried.wait()
        raise asyncio.CancelledError

    def bury(self) -> None:
        """End what has been waiting since the death, so that the test's loop is empty at its end."""
        self._buried.set()


class Through:
    """A store whose every call is a step."""

    def __init__(self, store: object, mortal: Mortal) -> None:
        self._store, self._mortal = store, mortal

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name == "recall":
            return call

        async def step(*arguments: Any, **named: Any) -> Any:
            return await self._mortal.step(lambda: call(*arguments, **named))

        return step


class MortalRedis(fakeredis.FakeAsyncRedis):
    mortal: Mortal

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        command: Any = super().execute_command
        return await self.mortal.step(lambda: command(*arguments, **options))

    def pipeline(self, *arguments: Any, **options: Any) -> Any:
        pipe: Any = super().pipeline(*arguments, **options)
        execute = pipe.execute
        pipe.execute = lambda *more, **options: self.mortal.step(lambda: execute(*more, **options))
        return pipe


def instance(fakes: OnFakes, mortal: Mortal) -> Application:
    """Another one on the same stores, which dies when `mortal` says so."""
    ground = fakes.application.backends
    redis = MortalRedis(connection_pool=fakes.redis.connection_pool)
    redis.mortal = mortal
    stores: Any = {
        name: Through(getattr(ground, name), mortal)
        for name in (
            "users",
            "factors",
            "revocations",
            "pending_revocations",
            "proved_users",
            "email_changes",
            "outbox",
            "verifiers",
            "profiles",
        )
    }
    mortal_ground: Backends = replace(ground, redis=redis, **stores)
    return build_on(mortal_ground, fakes.application.settings, fakes.ambient)


@dataclass
class Story:
    fakes: OnFakes
    person: dict[str, Any]
    thief: dict[str, Any]
    mine: dict[str, Any]
    survived: bool = False

    async def thief_is_in(self) -> bool:
        """At either of the two places where a session can be used."""
        verified = await self.fakes.client.get("/auth/verify", **bearer(self.thief))
        refreshed = await self.fakes.client.refresh(self.thief)
        assert {verified.status, refreshed.status} <= {200, 204, 401}
        return verified.status != 401 or refreshed.status != 401

    async def another_instance_goes_on(self) -> None:
        self.fakes.ambient.advance(seconds=3)
        await self.fakes.application.user_revocation.finish_overdue()


Change = Callable[[Application, Story], Coroutine[Any, Any, None]]
Judge = Callable[[Story], Awaitable[None]]


async def change_password(application: Application, story: Story) -> None:
    caller = await application.sessions.authenticate(story.mine["idToken"])
    await application.accounts.change_password(caller, PASSWORD, NEW, NO_PROOF, VISITOR)


async def close(application: Application, story: Story) -> None:
    caller = await application.sessions.authenticate(story.mine["idToken"])
    await application.accounts.close(caller, PASSWORD, NO_PROOF, VISITOR)


async def disable(application: Application, story: Story) -> None:
    await application.accounts.disable(story.person["email"])


async def end_by_operator(application: Application, story: Story) -> None:
    await application.accounts.end_sessions(story.person["email"])


async def end_others(application: Application, story: Story) -> None:
    caller = await application.sessions.authenticate(story.mine["idToken"])
    await application.sessions.end_others(caller)


async def end_everybody(application: Application, story: Story) -> None:
    await application.mass_revocation.run()


async def rotate_api_key(application: Application, story: Story) -> None:
    caller = await application.sessions.authenticate(story.mine["idToken"])
    await application.accounts.rotate_api_key(caller, NO_PROOF, VISITOR)


async def is_changed(story: Story) -> bool:
    """Whether the account is no longer what it was."""
    user = next(iter(story.fakes.users.rows.values()), None)
    return user is None or user.disabled_at is not None or user.password_changed_at != user.created_at


async def survives(fakes: OnFakes, mortal: Mortal, change: Change, story: Story) -> bool:
    """Make the change in an instance of its own; whether it came to an end."""
    application = instance(fakes, mortal)
    await application.keys.load()
    changing, dying = asyncio.create_task(change(application, story)), asyncio.create_task(mortal.died.wait())
    await asyncio.wait({changing, dying}, return_when=asyncio.FIRST_COMPLETED)
    dying.cancel()
    if changing.done():
        await changing
    else:  # how the dead one ends is nobody's business
        changing.add_done_callback(lambda task: task.cancelled() or task.exception())
    await application.passwords.close()
    application.tokens.close()
    return changing.done()


async def die_at_each_step(fakes: OnFakes, change: Change, judge: Judge, *, after: bool) -> int:
    """Tries the change in instances that die one step later each time, until one survives; how many died."""
    for steps in range(1, MOST_STEPS):
        fakes.users.rows.clear()
        person = await fakes.client.sign_up()
        story = Story(fakes, person, await fakes.client.log_in(person), await fakes.client.log_in(person))
        fakes.ambient.advance(seconds=10)
        mortal = Mortal(steps, after=after)
        story.survived = await survives(fakes, mortal, change, story)
        await judge(story)
        mortal.bury()
        if story.survived:
            return steps - 1
    raise AssertionError("it never ended")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("change", [change_password, close, disable])
async def test_a_changed_account_has_no_session_left_wherever_the_instance_died(
    fakes: OnFakes, change: Change, *, after: bool
) -> None:
    async def judge(story: Story) -> None:
        if not story.survived:
            await story.another_instance_goes_on()
        assert await story.thief_is_in() is not await is_changed(story)
        assert not fakes.application.backends.pending_revocations.rows  # type: ignore[attr-defined] # the fake's own

    assert await die_at_each_step(fakes, change, judge, after=after) > 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("change", [end_by_operator, end_others, end_everybody])
async def test_an_ending_that_died_half_way_can_be_asked_for_again(
    fakes: OnFakes, change: Change, *, after: bool
) -> None:
    async def judge(story: Story) -> None:
        if not story.survived:
            await change(fakes.application, story)
        assert not await story.thief_is_in()

    assert await die_at_each_step(fakes, change, judge, after=after) > 3


@pytest.mark.parametrize("after", [False, True])
async def test_a_change_of_password_that_died_half_way_can_be_asked_for_again(fakes: OnFakes, *, after: bool) -> None:
    async def judge(story: Story) -> None:
        if not story.survived:
            await change_password(fakes.application, story)
        assert not await story.thief_is_in()
        assert (await fakes.client.refresh(story.mine)).status == 200
        await fakes.client.log_in(story.person | {"password": NEW})

    assert await die_at_each_step(fakes, change_password, judge, after=after) > 5


@pytest.mark.parametrize("after", [False, True])
async def test_an_account_has_one_api_key_wherever_its_rotation_died(fakes: OnFakes, *, after: bool) -> None:
    async def judge(story: Story) -> None:
        today = (await fakes.client.log_in(story.person))["apiKey"]
        assert (await fakes.client.get("/auth/me", **{"x-api-key": today})).status == 200
        old = (await fakes.client.get("/auth/me", **{"x-api-key": story.person["apiKey"]})).status
        assert old == (200 if today == story.person["apiKey"] else 401)

    assert await die_at_each_step(fakes, rotate_api_key, judge, after=after) >= 3


async def test_a_session_opened_after_a_change_is_not_ended_with_those_before_it(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    old = await fakes.client.log_in(person)
    user_revocation = fakes.application.user_revocation
    pending = user_revocation.of(next(iter(fakes.users.rows)), Reason.PASSWORD_CHANGED)
    await fakes.application.backends.pending_revocations.add(pending)
    fakes.ambient.advance(seconds=10)
    new = await fakes.client.log_in(person)
    await user_revocation.finish_overdue()
    assert (await fakes.client.me(old)).status == 401
    assert (await fakes.client.me(new)).status == 200


async def test_a_change_of_password_that_is_finished_late_ends_no_session_of_the_new_password(fakes: OnFakes) -> None:
    """However soon after the change it was opened, and whatever the clocks say."""
    person = await fakes.client.sign_up()
    thief = await fakes.client.log_in(person)
    mine = await fakes.client.log_in(person)
    caller = await fakes.application.sessions.authenticate(mine["idToken"])
    user_revocation = Interrupted(fakes)
    accounts = replace(fakes.application.accounts, user_revocation=user_revocation)
    with pytest.raises(UnavailableError):
        await accounts.change_password(caller, PASSWORD, NEW, NO_PROOF, VISITOR)
    new = await fakes.client.log_in(person | {"password": NEW})
    fakes.ambient.advance(seconds=3)
    await fakes.application.user_revocation.finish_overdue()
    assert [(await fakes.client.me(one)).status for one in (thief, mine, new)] == [401, 200, 200]
    assert (await fakes.client.refresh(new)).status == 200


class Interrupted(UserRevocation):
    """Redis does not answer once the change is made."""

    def __init__(self, fakes: OnFakes) -> None:
        application = fakes.application
        super().__init__(
            application.backends.pending_revocations,
            application.sessions.refresh_sessions,
            application.revocation,
            fakes.ambient,
            application.outages,
        )

    async def finish(self, ending: PendingRevocation, named: str = "") -> int:  # noqa: ARG002 - as the real one
        raise UnavailableError


class Answers:
    """Pending endings whose store says the next of these at each look, and then that nothing is left."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.is_revoked = asyncio.Event()

    async def take_over(self) -> list[PendingRevocation]:
        if self._errors:
            raise self._errors.pop(0)
        self.is_revoked.set()
        return []


async def test_stores_that_are_away_are_no_error_of_what_waits_for_them(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.domain.sessions.user_revocation.LOOK_EVERY", 0)
    looks = Answers(
        ConnectionRefusedError(), TimeoutError(), UnavailableError(), ZeroDivisionError(), ConnectionError()
    )
    user_revocation = fakes.application.user_revocation
    monkeypatch.setattr(user_revocation, "_pending", looks)
    with capture_logs() as logged:
        following = asyncio.create_task(user_revocation.run_forever())
        async with asyncio.timeout(PATIENCE):
            await looks.is_revoked.wait()
        following.cancel()
        await asyncio.wait([following])
    assert [(line["log_level"], line["event"], line["error"]) for line in logged] == [
        ("warning", "pending endings wait for the stores", "ConnectionRefusedError"),
        ("error", "pending endings not finished", "ZeroDivisionError"),
    ]
