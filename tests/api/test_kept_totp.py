"""TOTP that is confirmed before it is turned on, by a member whose session is all the proof that there is room for."""

from typing import Any, NamedTuple

import pytest

from service.domain.models import Caller, Visitor
from service.domain.second_factors.models import Factor
from service.errors import FactorNotFoundError, InvalidCodeError, InvalidTokenError, RateLimitedError
from tests.api.test_login_steps import refused
from tests.api.test_second_factors import held
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.second_factors import App

VISITOR = Visitor("127.0.0.1")


class Member(NamedTuple):
    fakes: OnFakes
    person: dict[str, Any]
    tokens: dict[str, Any]
    caller: Caller

    async def begin(self) -> App:
        return App((await self.fakes.application.factors.begin_totp_by_session(self.caller)).uri)

    async def keep(self, step: int = -1) -> App:
        app = await self.begin()
        await self.fakes.application.factors.keep_totp(self.caller, app.code(self.fakes.ambient.now(), step), VISITOR)
        return app

    async def turn_on(self) -> None:
        await self.fakes.application.factors.turn_on_totp(self.caller, VISITOR)

    async def turn_off(self) -> None:
        await self.fakes.application.factors.turn_off_totp(self.caller, VISITOR)

    async def log_in(self, **more: str) -> int:
        return (await second.log_in(self.fakes.client, self.person, **more)).status


async def a_member(fakes: OnFakes) -> Member:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    return Member(fakes, person, tokens, await fakes.application.sessions.authenticate(tokens["idToken"]))


@pytest.fixture
async def member(fakes: OnFakes) -> Member:
    return await a_member(fakes)


async def test_what_is_kept_changes_nothing(member: Member) -> None:
    other = await member.fakes.client.log_in(member.person)
    app = await member.keep()
    assert await held(member.fakes.client, member.tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    assert await member.log_in() == 200
    assert (await member.fakes.client.me(other)).status == 200
    body = {"password": PASSWORD, "code": app.code(member.fakes.ambient.now())}
    removing = member.fakes.client.http.delete("/auth/factors/totp", headers=bearer(member.tokens), json=body)
    assert await refused(removing) == (404, "not_found")


async def test_turned_on_every_login_asks_for_it_and_the_other_sessions_are_over(member: Member) -> None:
    other = await member.fakes.client.log_in(member.person)
    app = await member.keep()
    await member.turn_on()
    assert (await member.fakes.client.me(other)).status == 401
    assert (await member.fakes.client.refresh(other)).status == 401
    shown = await held(member.fakes.client, member.tokens)
    assert shown == {"totp": {"since": "2026-11-24T12:00:00Z"}, "passkeys": [], "recoveryCodesLeft": 0}
    said = await (await second.log_in(member.fakes.client, member.person)).json()
    assert (said["code"], said["factors"]) == ("second_factor_required", [Factor.TOTP])
    assert await member.log_in(code=app.code(member.fakes.ambient.now(), -1)) == 401  # it was used to keep it
    assert await member.log_in(code=app.code(member.fakes.ambient.now())) == 200


async def test_turned_off_no_login_asks_for_it_until_it_is_turned_on_again(member: Member) -> None:
    app = await member.keep()
    await member.turn_on()
    await member.turn_off()
    assert await member.log_in() == 200
    assert await held(member.fakes.client, member.tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    await member.turn_on()
    assert await member.log_in() == 401
    assert await member.log_in(code=app.code(member.fakes.ambient.now())) == 200


async def test_turned_on_or_off_twice_it_is_so_and_no_session_ends_by_the_second_time(member: Member) -> None:
    app = await member.keep()
    await member.turn_on()
    tokens = await (
        await second.log_in(member.fakes.client, member.person, code=app.code(member.fakes.ambient.now()))
    ).json()
    await member.turn_on()
    assert (await member.fakes.client.me(tokens)).status == 200
    await member.turn_off()
    await member.turn_off()
    assert (await member.fakes.client.me(tokens)).status == 200


async def test_without_a_totp_nothing_is_turned_on_or_off(member: Member) -> None:
    await member.begin()
    for turn in (member.turn_on, member.turn_off):
        with pytest.raises(FactorNotFoundError):
            await turn()


async def test_a_wrong_code_keeps_nothing_and_counts_as_a_failed_login(on_fakes: MakeOnFakes) -> None:
    rows = ("login_account_source", "login_known_source")
    limits = {"exempt": [], "login_source": "100/5m", **dict.fromkeys(rows, "3/5m")}
    member = await a_member(await on_fakes(throttle=limits))
    app, factors = await member.begin(), member.fakes.application.factors
    for _ in range(3):
        with pytest.raises(InvalidCodeError):
            await factors.keep_totp(member.caller, app.wrong_code(member.fakes.ambient.now()), VISITOR)
    with pytest.raises(RateLimitedError):
        await factors.keep_totp(member.caller, app.code(member.fakes.ambient.now()), VISITOR)
    with pytest.raises(FactorNotFoundError):
        await member.turn_on()


async def test_a_secret_is_kept_once(member: Member) -> None:
    app = await member.keep()
    with pytest.raises(InvalidCodeError):
        await member.fakes.application.factors.keep_totp(member.caller, app.code(member.fakes.ambient.now()), VISITOR)


async def test_another_app_takes_the_place_of_one_that_is_on(member: Member) -> None:
    first = await member.keep()
    await member.turn_on()
    now = member.fakes.ambient.now
    other = await (await second.log_in(member.fakes.client, member.person, code=first.code(now()))).json()
    member.fakes.ambient.advance(seconds=90)
    app = await member.keep()
    assert (await member.fakes.client.me(other)).status == 401
    assert (await member.fakes.client.me(member.tokens)).status == 200
    assert await member.log_in(code=first.code(now())) == 401
    assert await member.log_in(code=app.code(now())) == 200


async def test_an_app_of_auth_factors_replaces_one_that_is_off_and_is_refused_where_one_is_on(member: Member) -> None:
    kept = await member.keep()
    client, now = member.fakes.client, member.fakes.ambient.now
    app = await second.enrol(client, member.person, member.tokens, now(), step=0)
    assert len(app.recovery_codes) == 10
    member.fakes.ambient.advance(seconds=30)
    assert await member.log_in(code=kept.code(now())) == 401
    assert await member.log_in(code=app.code(now())) == 200
    answer = second.begin(client, member.person, member.tokens, code=app.recovery_codes[0])
    assert await refused(answer) == (409, "factor_exists")


async def test_the_recovery_codes_of_another_factor_stay_when_totp_is_turned_on(member: Member) -> None:
    client, now = member.fakes.client, member.fakes.ambient.now
    await second.enrol(client, member.person, member.tokens, now())
    member.fakes.ambient.advance(seconds=60)
    await member.keep()
    assert (await held(client, member.tokens))["recoveryCodesLeft"] == 10


async def test_a_session_that_is_over_keeps_and_turns_nothing(member: Member) -> None:
    app, factors = await member.begin(), member.fakes.application.factors
    await member.fakes.application.sessions.end_all(member.caller)
    with pytest.raises(InvalidTokenError):
        await factors.keep_totp(member.caller, app.code(member.fakes.ambient.now()), VISITOR)
    for turn in (member.turn_on, member.turn_off):
        with pytest.raises(InvalidTokenError):
            await turn()


async def test_what_happens_to_it_is_a_security_event_once(member: Member) -> None:
    events: list[Any] = []
    app = await member.keep()
    member.fakes.application.events.add(events.append)
    for turn in (member.turn_on, member.turn_on, member.turn_off, member.turn_off):
        await turn()
    wrong = app.wrong_code(member.fakes.ambient.now())
    with pytest.raises(InvalidCodeError):
        await member.fakes.application.factors.keep_totp(member.caller, wrong, VISITOR)
    assert [(one.name.value, one.reason) for one in events if one.user_id] == [
        ("user_updated", "factor_added"),
        ("user_updated", "factor_removed"),
        ("authn_login_fail", "wrong_code"),
    ]
    assert {one.session_id for one in events} == {member.caller.session_id}
