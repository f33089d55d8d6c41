"""What is told of each thing that happens: who, where from, how it went and why; never what was typed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from service.domain.events.security_events import Event, Name, Outcome
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.support.resource_servers import claims

FACTS = ("name", "outcome", "reason")


class Heard:
    """A sink that remembers."""

    def __init__(self, fakes: OnFakes) -> None:
        self.events: list[Event] = []
        self.client = fakes.client
        fakes.application.events.add(self.events.append)

    def said(self) -> list[tuple[str, ...]]:
        """Name, outcome and reason of each event since the last question."""
        return [tuple(str(getattr(one, fact)) for fact in FACTS) for one in self.taken()]

    def taken(self) -> Sequence[Event]:
        events, self.events[:] = list(self.events), []
        return events


@pytest.fixture
def heard(fakes: OnFakes) -> Heard:
    return Heard(fakes)


async def test_a_life_of_a_session_is_told_from_sign_up_to_logout(heard: Heard) -> None:
    person = await heard.client.sign_up()
    tokens = await heard.client.log_in(person)
    await heard.client.refresh(tokens)
    await heard.client.me(tokens)
    await heard.client.log_out(tokens)
    told = heard.taken()
    assert [one.name for one in told] == [Name.USER_CREATED, Name.LOGGED_IN, Name.RENEWED, Name.ENDED]
    assert {one.outcome for one in told} == {Outcome.SUCCESS}
    assert {one.user_id for one in told} == {UUID(person["userId"])}
    assert {one.source for one in told} == {"127.0.0.0/24"}
    assert len({one.session_id for one in told[1:]}) == 1
    assert told[-1].reason == "logout"


async def test_why_a_login_failed_is_told_to_the_sinks_alone(heard: Heard, fakes: OnFakes) -> None:
    person, disabled = await heard.client.sign_up(), await heard.client.sign_up()
    await fakes.application.accounts.disable(disabled["email"])
    heard.taken()
    answers = []
    for email, password in (
        ("nobody@example.com", "WrongPass1!"),
        (person["email"], "WrongPass1!"),
        (disabled["email"], disabled["password"]),
        (disabled["email"], "WrongPass1!"),
    ):
        answer = await heard.client.post("/auth/login", {"email": email, "password": password})
        answers.append((answer.status, {**await answer.json(), "requestId": ""}))
    told = heard.taken()
    assert [one.reason for one in told] == ["unknown_email", "wrong_password", "disabled", "wrong_password"]
    assert {one.name for one in told} == {Name.LOGIN_FAILED}
    assert all(answer == answers[0] for answer in answers)
    assert [bool(one.user_id) for one in told] == [False, True, True, True]
    assert len({one.account for one in told}) == 3
    assert not any("example" in one.account for one in told)


async def test_the_pseudonym_of_an_address_is_no_name_of_a_limit(fakes: OnFakes, heard: Heard) -> None:
    await heard.client.post("/auth/login", {"email": "nobody@example.com", "password": "WrongPass1!"})
    [event] = heard.taken()
    assert len(event.account) == 22
    assert not any(event.account.encode() in key for key in await fakes.redis.keys())


async def test_refused_refresh_tokens_are_told_with_their_reason(heard: Heard) -> None:
    tokens = await heard.client.log_in(await heard.client.sign_up())
    await heard.client.log_out(tokens)
    heard.taken()
    for token in ("no token", "rt_" + "A" * 67, tokens["refreshToken"]):
        assert (await heard.client.refresh({"refreshToken": token})).status == 401
    assert heard.said() == [("session_renewed", "failure", why) for why in ("malformed", "unknown", "session_ended")]


async def test_a_reuse_is_told_with_the_session_that_it_ends(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"refresh_rotation": True})
    heard = Heard(fakes)
    tokens = await heard.client.log_in(await heard.client.sign_up())
    await heard.client.refresh(tokens)
    fakes.ambient.advance(seconds=60)
    heard.taken()
    await heard.client.refresh(tokens)
    told = heard.taken()
    assert [(one.name, one.reason) for one in told] == [
        (Name.TOKEN_REUSED, "token_before"),
        (Name.ENDED, "reuse"),
        (Name.RENEWED, "reused"),
    ]
    assert told[0].session_id == told[1].session_id
    assert told[0].source == "127.0.0.0/24"


@pytest.mark.parametrize("path", ["/auth/sessions", "/auth/sessions?everywhere=true", "/auth/sessions/{current}"])
async def test_a_session_that_a_member_ends_is_told_with_where_they_are(heard: Heard, path: str) -> None:
    person = await heard.client.sign_up()
    await heard.client.log_in(person)
    tokens = await heard.client.log_in(person)
    current = claims(tokens["idToken"])["origin_jti"]
    heard.taken()
    await heard.client.http.delete(path.format(current=current), headers=bearer(tokens))
    told = heard.taken()
    assert told
    assert {(one.name, one.source) for one in told} == {(Name.ENDED, "127.0.0.0/24")}


async def test_what_a_member_changes_is_told(heard: Heard) -> None:
    person = await heard.client.sign_up()
    tokens, other = await heard.client.log_in(person), await heard.client.log_in(person)
    heard.taken()
    await heard.client.post("/auth/api-key", {}, **bearer(tokens))
    change = {"currentPassword": "WrongPass1!", "newPassword": "BetterPass2?"}
    await heard.client.post("/auth/password", change, **bearer(tokens))
    await heard.client.post("/auth/password", change | {"currentPassword": person["password"]}, **bearer(tokens))
    assert heard.said() == [
        ("authn_token_created", "success", "api_key_rotated"),
        ("authn_login_fail", "failure", "wrong_confirmation"),
        ("authn_password_change", "success", ""),
        ("session_expired", "success", "password_changed"),
    ]
    await heard.client.log_in(person | {"password": "BetterPass2?"})
    heard.taken()
    await heard.client.http.delete("/auth/sessions", headers=bearer(tokens))
    await heard.client.http.delete("/auth/me", json={"password": "BetterPass2?"}, headers=bearer(tokens))
    assert heard.said() == [
        ("session_expired", "success", "by_user"),
        ("user_deleted", "success", ""),
        ("session_expired", "success", "account_closed"),
    ]
    assert other["refreshToken"] != tokens["refreshToken"]


async def test_what_an_operator_does_is_told(fakes: OnFakes, heard: Heard) -> None:
    person = await heard.client.sign_up()
    await heard.client.log_in(person)
    heard.taken()
    await fakes.application.accounts.disable(person["email"])
    await fakes.application.accounts.enable(person["email"])
    await fakes.application.accounts.enable("nobody@example.com")
    assert heard.said() == [
        ("user_updated", "success", "disabled"),
        ("session_expired", "success", "account_disabled"),
        ("user_updated", "success", "enabled"),
    ]


async def test_a_rotated_and_a_killed_key_are_told_by_their_kid(fakes: OnFakes, heard: Heard) -> None:
    before = fakes.application.keys.signing.kid
    after = await fakes.application.key_rotation.rotate(at_once=True)
    await fakes.application.key_compromise.revoke(before)
    await fakes.application.resealer.run()
    told = [(one.name, one.reason, one.key_id) for one in heard.taken()]
    assert told == [
        (Name.KEY_ROTATED, "at_once", after.kid),
        (Name.KEY_KILLED, "", before),
        (Name.SECRET_ROTATED, "", ""),
    ]


async def test_a_redis_that_forgot_is_told_until_it_is_restored(fakes: OnFakes, heard: Heard) -> None:
    tokens = await heard.client.log_in(await heard.client.sign_up())
    heard.taken()
    await fakes.redis.flushall()
    assert (await heard.client.me(tokens)).status == 503
    while Name.RESTORED not in [one.name for one in heard.events]:
        await heard.client.me(tokens)
    assert [(one.name, one.source) for one in heard.taken()] == [(Name.FORGOTTEN, ""), (Name.RESTORED, "")]


async def test_unknown_credentials_and_limits_are_told(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "api_key_unknown": "1/1m", "login_account_source": "1/5m"})
    heard = Heard(fakes)
    person = await heard.client.sign_up()
    heard.taken()
    for _ in range(2):
        await heard.client.get("/auth/me", **{"x-api-key": "ak_nonsense"})
        await heard.client.post("/auth/login", {"email": person["email"], "password": "WrongPass1!"})
    assert heard.said() == [
        ("authz_fail", "failure", "unknown_api_key"),
        ("authn_login_fail", "failure", "wrong_password"),
        ("authz_fail", "failure", "unknown_api_key"),
        ("excess_rate_limit_exceeded", "failure", "api-key-unknown"),
        ("excess_rate_limit_exceeded", "failure", "login"),
    ]


async def test_a_taken_address_is_told_without_the_address(heard: Heard) -> None:
    person = await heard.client.sign_up()
    heard.taken()
    again = {name: person[name] for name in ("email", "password", "firstName", "lastName")}
    assert (await heard.client.post("/auth/signup", again)).status == 409
    [event] = heard.taken()
    assert (event.name, event.reason) == (Name.USER_CREATED, "email_taken")
    assert event.account
    assert person["email"] not in str(event)


async def test_a_sink_that_breaks_never_breaks_a_call(
    fakes: OnFakes, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(event: Event) -> Any:
        raise RuntimeError(event.source)

    fakes.application.events.add(broken)
    person = await heard.client.sign_up()
    await heard.client.log_in(person)
    assert len(heard.taken()) == 2
    assert "event sink failed" in capsys.readouterr().out
