"""An instance that dies at any step of a change of factors, or of a login with one, locks nobody out and lets nobody in."""

from contextlib import suppress

import pytest

from service.assembly.application import Application
from service.domain.second_factors.models import Proof
from service.errors import InvalidCodeError
from tests.conftest import OnFakes
from tests.domain.test_killed_half_way import VISITOR, Story, die_at_each_step
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.second_factors import App


class Apps:
    """The app of each story, by its member."""

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}

    async def begin(self, story: Story) -> App:
        begun = await second.begin(story.fakes.client, story.person, story.mine)
        return self.add(story, (await begun.json())["uri"])

    def add(self, story: Story, uri: str) -> App:
        return self._apps.setdefault(story.person["email"], App(uri))

    async def enrol(self, story: Story) -> App:
        app = await second.enrol(story.fakes.client, story.person, story.mine, story.fakes.ambient.now())
        return self._apps.setdefault(story.person["email"], app)

    def of(self, story: Story) -> App:
        return self._apps[story.person["email"]]


@pytest.mark.parametrize("after", [False, True])
async def test_an_app_that_is_half_added_is_added_or_not_and_never_locks_its_member_out(
    fakes: OnFakes, *, after: bool
) -> None:
    apps = Apps()

    async def confirm(application: Application, story: Story) -> None:
        code = (await apps.begin(story)).code(fakes.ambient.now())
        caller = await application.sessions.authenticate(story.mine["idToken"])
        await application.factors.confirm_totp(caller, code, VISITOR)

    async def judge(story: Story) -> None:
        if not story.survived:
            await story.another_instance_goes_on()
        user = next(iter(fakes.users.rows.values()))
        assert await story.thief_is_in() is (user.second_factor_since is None)
        assert not fakes.application.backends.pending_revocations.rows  # type: ignore[attr-defined] # the fake's own
        fakes.ambient.advance(seconds=30)
        again = await second.confirm(fakes.client, story.mine, apps.of(story).code(fakes.ambient.now()))
        assert again.status in ((200,) if user.second_factor_since is None else (409, 401))  # 401: it came to its end
        fakes.ambient.advance(seconds=30)
        body = {"password": PASSWORD, "code": apps.of(story).code(fakes.ambient.now())}
        headers = {"Authorization": f"Bearer {story.mine['idToken']}"}
        answer = await fakes.client.post("/auth/factors/recovery-codes", body, **headers)
        (code, *_) = (await answer.json())["recoveryCodes"]  # whoever never saw the first ones asks for others
        assert (await second.log_in(fakes.client, story.person, code=code)).status == 200

    assert await die_at_each_step(fakes, confirm, judge, after=after) > 5


@pytest.mark.parametrize("after", [False, True])
async def test_a_removal_that_died_half_way_can_be_asked_for_again(fakes: OnFakes, *, after: bool) -> None:
    apps = Apps()

    async def remove(application: Application, story: Story) -> None:
        proof = Proof((await apps.enrol(story)).recovery_codes[0])
        caller = await application.sessions.authenticate(story.mine["idToken"])
        await application.factors.remove_totp(caller, PASSWORD, proof, VISITOR)

    async def judge(story: Story) -> None:
        held = fakes.application.backends.factors
        user = next(iter(fakes.users.rows.values()))
        rows = await held.of_user(user.id)
        assert (rows.totp_since is None) == (rows.recovery_codes_left == 0) == (user.second_factor_since is None)
        if user.second_factor_since:
            headers = {"Authorization": f"Bearer {story.mine['idToken']}"}
            body = {"password": PASSWORD, "code": apps.of(story).recovery_codes[1]}
            answer = await fakes.client.http.delete("/auth/factors/totp", headers=headers, json=body)
            assert answer.status == 204
        assert (await second.log_in(fakes.client, story.person)).status == 200

    assert await die_at_each_step(fakes, remove, judge, after=after) > 3


@pytest.mark.parametrize("after", [False, True])
async def test_an_operator_who_removes_factors_can_ask_again(fakes: OnFakes, *, after: bool) -> None:
    apps = Apps()

    async def remove_all(application: Application, story: Story) -> None:
        await apps.enrol(story)
        await application.factors.remove_all(story.person["email"])

    async def judge(story: Story) -> None:
        if not story.survived:
            await story.another_instance_goes_on()
        user = next(iter(fakes.users.rows.values()))
        mine = (await fakes.client.me(story.mine)).status
        assert mine == (200 if user.second_factor_since else 401)
        await fakes.application.factors.remove_all(story.person["email"])
        assert (await fakes.client.me(story.mine)).status == 401
        assert (await second.log_in(fakes.client, story.person)).status == 200

    assert await die_at_each_step(fakes, remove_all, judge, after=after) > 2


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("after", [False, True])
async def test_a_login_that_died_half_way_is_begun_again_with_the_next_code(
    fakes: OnFakes, *, after: bool, steps: int
) -> None:
    apps = Apps()

    async def log_in(application: Application, story: Story) -> None:
        proof = Proof((await apps.enrol(story)).code(fakes.ambient.now()))
        if steps == 1:
            await application.login.with_password(story.person["email"], PASSWORD, VISITOR, proof)
        else:
            token = await second.challenge(fakes.client, story.person)
            await application.login.with_challenge(token, proof, VISITOR)

    async def judge(story: Story) -> None:
        fakes.ambient.advance(seconds=30)
        for code in (apps.of(story).code(fakes.ambient.now()), apps.of(story).recovery_codes[0]):
            assert (await second.log_in(fakes.client, story.person, code=code)).status == 200

    assert await die_at_each_step(fakes, log_in, judge, after=after) > 5


@pytest.mark.parametrize("after", [False, True])
async def test_an_app_that_is_half_turned_on_is_on_or_off_and_is_turned_on_by_asking_again(
    fakes: OnFakes, *, after: bool
) -> None:
    apps = Apps()

    async def keep_and_turn_on(application: Application, story: Story) -> None:
        caller = await fakes.application.sessions.authenticate(story.mine["idToken"])
        app = apps.add(story, (await fakes.application.factors.begin_totp_by_session(caller)).uri)
        code = app.code(fakes.ambient.now(), -1)
        caller = await application.sessions.authenticate(story.mine["idToken"])
        await application.factors.keep_totp(caller, code, VISITOR)
        await application.factors.turn_on_totp(caller, VISITOR)

    async def judge(story: Story) -> None:
        if not story.survived:
            await story.another_instance_goes_on()
        user = next(iter(fakes.users.rows.values()))
        assert await story.thief_is_in() is (user.second_factor_since is None)
        assert not fakes.application.backends.pending_revocations.rows  # type: ignore[attr-defined] # the fake's own
        factors = fakes.application.factors
        caller = await fakes.application.sessions.authenticate(story.mine["idToken"])
        with suppress(InvalidCodeError):  # it came to its end
            await factors.keep_totp(caller, apps.of(story).code(fakes.ambient.now(), -1), VISITOR)
        await factors.turn_on_totp(caller, VISITOR)
        assert not await story.thief_is_in()
        code = apps.of(story).code(fakes.ambient.now())
        assert (await second.log_in(fakes.client, story.person, code=code)).status == 200

    assert await die_at_each_step(fakes, keep_and_turn_on, judge, after=after) > 8


@pytest.mark.parametrize("after", [False, True])
async def test_a_first_factor_that_is_half_set_up_is_there_or_not_and_the_next_login_asks_for_it(
    fakes: OnFakes, *, after: bool
) -> None:
    apps: dict[str, App] = {}

    async def set_up(application: Application, story: Story) -> None:
        object.__setattr__(application.login, "requires_factor", True)
        user = await fakes.application.backends.users.by_email(story.person["email"])
        assert user
        token = await fakes.application.login.challenges.begin(user)
        app = App((await application.factor_setup.begin(token, VISITOR)).uri)
        apps[story.person["email"]] = app
        await application.factor_setup.finish(token, app.code(fakes.ambient.now(), -1), VISITOR)

    async def judge(story: Story) -> None:
        if not story.survived:
            await story.another_instance_goes_on()
        user = next(iter(fakes.users.rows.values()))
        assert await story.thief_is_in() is (user.second_factor_since is None)
        assert not fakes.application.backends.pending_revocations.rows  # type: ignore[attr-defined] # the fake's own
        code = apps[story.person["email"]].code(fakes.ambient.now()) if user.second_factor_since else ""
        answer = await second.log_in(fakes.client, story.person, **({"code": code} if code else {}))
        assert answer.status == 200  # where none is required; otherwise it would begin again

    assert await die_at_each_step(fakes, set_up, judge, after=after) > 8
