"""Adding and removing second factors, and what else asks for them."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest

from service.domain.mail.notices import Notice, Notices
from service.domain.models import User, Visitor
from tests.api.test_login_steps import Member, a_member, refused
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.second_factors import App

NEW = "EvenMoreSecure2?"


@pytest.fixture
async def member(fakes: OnFakes) -> Member:
    return await a_member(fakes)


async def held(client: Client, tokens: dict[str, Any]) -> Any:
    answer = await client.get("/auth/factors", **bearer(tokens))
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def remove(member: Member, code: str) -> Any:
    body = {"password": PASSWORD, "code": code}
    return await member.fakes.client.http.delete("/auth/factors/totp", headers=bearer(member.tokens), json=body)


async def new_codes(member: Member, code: str) -> Any:
    body = {"password": PASSWORD, "code": code}
    return await member.fakes.client.post("/auth/factors/recovery-codes", body, **bearer(member.tokens))


# --- adding


async def test_an_app_is_added_in_two_steps(fakes: OnFakes) -> None:
    client = fakes.client
    person = await client.sign_up(email="Ada+app@Example.com")
    tokens = await client.log_in(person)
    assert await held(client, tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    begun = await (await second.begin(client, person, tokens)).json()
    uri = urlsplit(begun["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/127.0.0.1:Ada+app@Example.com")
    assert parse_qs(uri.query) == {"secret": [begun["secret"]], "issuer": ["127.0.0.1"]}
    assert re.fullmatch(r"[A-Z2-7]{32}", begun["secret"])
    assert await held(client, tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    assert (await second.log_in(client, person)).status == 200  # nothing has changed yet

    answer = await second.confirm(client, tokens, App(begun["uri"]).code(fakes.ambient.now()))
    codes = (await answer.json())["recoveryCodes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", code) for code in codes)
    assert await held(client, tokens) == {
        "totp": {"since": "2026-11-24T12:00:00Z"},
        "passkeys": [],
        "recoveryCodesLeft": 10,
    }
    assert (await second.log_in(client, person)).status == 401


async def test_every_other_session_ends_when_a_factor_is_added(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    thief, mine = await fakes.client.log_in(person), await fakes.client.log_in(person)
    await second.enrol(fakes.client, person, mine, fakes.ambient.now())
    assert (await fakes.client.me(mine)).status == 200
    assert (await fakes.client.refresh(mine)).status == 200
    assert (await fakes.client.me(thief)).status == 401
    assert (await fakes.client.refresh(thief)).status == 401


async def test_a_wrong_code_turns_nothing_on(fakes: OnFakes) -> None:
    client, person = fakes.client, await fakes.client.sign_up()
    tokens = await client.log_in(person)
    assert await refused(second.confirm(client, tokens, "123456")) == (401, "invalid_code")  # never asked for
    app = App((await (await second.begin(client, person, tokens)).json())["uri"])
    for code in (app.wrong_code(fakes.ambient.now()), app.code(fakes.ambient.now(), 2), "x", "\u0661" * 6):
        assert await refused(second.confirm(client, tokens, code)) == (401, "invalid_code")
    assert await held(client, tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}


async def test_a_secret_of_somebody_else_or_of_before_confirms_nothing(fakes: OnFakes) -> None:
    client, ada, eve = fakes.client, await fakes.client.sign_up(), await fakes.client.sign_up()
    of_ada, of_eve = await client.log_in(ada), await client.log_in(eve)
    first = App((await (await second.begin(client, ada, of_ada)).json())["uri"])
    app = App((await (await second.begin(client, ada, of_ada)).json())["uri"])
    assert await refused(second.confirm(client, of_eve, app.code(fakes.ambient.now()))) == (401, "invalid_code")
    assert await refused(second.confirm(client, of_ada, first.code(fakes.ambient.now()))) == (401, "invalid_code")
    assert (await second.confirm(client, of_ada, app.code(fakes.ambient.now()))).status == 200


async def test_what_was_begun_lapses_and_is_sealed_while_it_waits(fakes: OnFakes) -> None:
    client, person = fakes.client, await fakes.client.sign_up()
    tokens = await client.log_in(person)
    begun = await (await second.begin(client, person, tokens)).json()
    key = f"th:totp:{{{person['userId']}}}"
    assert 590_000 < await fakes.redis.pttl(key) <= 600_000
    secret = fakes.application.factors.second_factors.totp
    sealed = await fakes.redis.get(key)
    assert isinstance(sealed, bytes)
    assert begun["secret"].encode() not in sealed
    assert secret.step_of(UUID(person["userId"]), sealed, App(begun["uri"]).code(fakes.ambient.now())) is not None
    await fakes.redis.pexpire(key, 0)
    code = App(begun["uri"]).code(fakes.ambient.now())
    assert await refused(second.confirm(client, tokens, code)) == (401, "invalid_code")


async def test_an_account_has_one_app(member: Member) -> None:
    client = member.fakes.client
    answer = await second.begin(client, member.person, member.tokens, code=member.code)
    assert (answer.status, problem(await answer.text())["code"]) == (409, "factor_exists")


async def test_two_enrolments_at_once_turn_on_one_and_the_other_is_told(fakes: OnFakes) -> None:
    """A call that was answered with an outage after the change is such a one when it is retried."""
    client, person = fakes.client, await fakes.client.sign_up()
    tokens = await client.log_in(person)
    app = App((await (await second.begin(client, person, tokens)).json())["uri"])
    sealed = await fakes.redis.get(f"th:totp:{{{person['userId']}}}")
    assert sealed
    first = await second.confirm(client, tokens, app.code(fakes.ambient.now()))
    await fakes.redis.set(f"th:totp:{{{person['userId']}}}", sealed, ex=600)
    assert await refused(second.confirm(client, tokens, app.code(fakes.ambient.now(), 1))) == (409, "factor_exists")
    code = (await first.json())["recoveryCodes"][0]
    assert (await second.log_in(client, person, code=code)).status == 200


# --- a password alone, or a code alone, changes nothing

Asked = Callable[[Member, dict[str, str]], Awaitable[Any]]


async def change_password(member: Member, proof: dict[str, str]) -> Any:
    body = {"currentPassword": PASSWORD, "newPassword": NEW} | proof
    return await member.fakes.client.post("/auth/password", body, **bearer(member.tokens))


async def close(member: Member, proof: dict[str, str]) -> Any:
    body = {"password": PASSWORD} | proof
    return await member.fakes.client.http.delete("/auth/me", headers=bearer(member.tokens), json=body)


async def rotate(member: Member, proof: dict[str, str]) -> Any:
    return await member.fakes.client.http.post("/auth/api-key", headers=bearer(member.tokens), json=proof or None)


async def begin_again(member: Member, proof: dict[str, str]) -> Any:
    return await second.begin(member.fakes.client, member.person, member.tokens, **proof)


async def remove_app(member: Member, proof: dict[str, str]) -> Any:
    body = {"password": PASSWORD} | proof
    return await member.fakes.client.http.delete("/auth/factors/totp", headers=bearer(member.tokens), json=body)


async def replace_codes(member: Member, proof: dict[str, str]) -> Any:
    body = {"password": PASSWORD} | proof
    return await member.fakes.client.post("/auth/factors/recovery-codes", body, **bearer(member.tokens))


ASKED = [change_password, close, rotate, begin_again, remove_app, replace_codes]


@pytest.mark.parametrize("ask", ASKED)
async def test_a_change_asks_for_the_second_factor_too(member: Member, ask: Asked) -> None:
    answer = await ask(member, {})
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["factors"]) == (
        401,
        "second_factor_required",
        ["totp", "recovery_code"],
    )
    assert "challenge" not in said
    wrong = member.app.wrong_code(member.fakes.ambient.now())
    assert await refused(ask(member, {"code": wrong})) == (401, "invalid_code")
    assert await refused(ask(member, {"code": "AAAA-AAAA-AAAA-AAAA"})) == (401, "invalid_code")
    assert (await ask(member, {"code": member.app.recovery_codes[0]})).status in (200, 204, 409)


@pytest.mark.parametrize("ask", [one for one in ASKED if one is not rotate])
async def test_the_password_is_asked_for_first(member: Member, ask: Asked) -> None:
    body = {"code": member.code, "password": "Wrong-Pass1!", "currentPassword": "Wrong-Pass1!"}
    assert await refused(ask(member, body)) == (401, "invalid_credentials")
    assert (await second.log_in(member.fakes.client, member.person, code=member.code)).status == 200  # not used up


@pytest.mark.parametrize("ask", ASKED)
async def test_wrong_codes_of_a_change_count_as_failed_logins(on_fakes: MakeOnFakes, ask: Asked) -> None:
    rows = ("login_account_source", "login_known_source")
    fakes = await on_fakes(throttle={"exempt": [], "login_source": "100/5m", **dict.fromkeys(rows, "3/5m")})
    member = await a_member(fakes)
    for _ in range(5):
        await ask(member, {})  # no proof is no failure
    for _ in range(3):
        wrong = member.app.wrong_code(fakes.ambient.now())
        assert await refused(ask(member, {"code": wrong})) == (401, "invalid_code")
    assert await refused(ask(member, {"code": member.code})) == (429, "rate_limited")


@pytest.mark.parametrize("body", [None, {}, {"code": "123456"}])
async def test_without_a_second_factor_a_new_api_key_is_had_as_ever(client: Client, body: object) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.http.post("/auth/api-key", headers=bearer(tokens), json=body)
    assert answer.status == 200
    empty = await client.http.post("/auth/api-key", headers={**bearer(tokens), "Content-Type": "text/plain"}, data=b"")
    assert empty.status == 200


async def test_a_password_change_is_retried_with_a_code_of_its_own(member: Member) -> None:
    first = {"code": member.app.recovery_codes[0]}
    member.fakes.ambient.advance(seconds=1)
    assert (await change_password(member, first)).status == 200
    assert await refused(change_password(member, first)) == (401, "invalid_code")
    assert (await change_password(member, {"code": member.app.recovery_codes[1]})).status == 200


# --- removing


async def test_without_its_app_an_account_is_as_it_was_and_its_recovery_codes_are_void(member: Member) -> None:
    client = member.fakes.client
    assert (await remove(member, member.app.recovery_codes[0])).status == 204
    assert await held(client, member.tokens) == {"totp": None, "passkeys": [], "recoveryCodesLeft": 0}
    tokens = await client.log_in(member.person)
    again = await second.enrol(client, member.person, tokens, member.fakes.ambient.now())
    for code in (member.code, *member.app.recovery_codes):
        assert await refused(second.log_in(client, member.person, code=code)) == (401, "invalid_code")
    assert (await second.log_in(client, member.person, code=again.code(member.fakes.ambient.now()))).status == 200


async def test_what_is_not_there_cannot_be_removed_or_replaced(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    member = Member(fakes, person, await fakes.client.log_in(person), App(""))
    assert await refused(remove(member, "123456")) == (404, "not_found")
    assert await refused(new_codes(member, "123456")) == (404, "not_found")


async def test_new_recovery_codes_void_the_old_ones(member: Member) -> None:
    answer = await new_codes(member, member.code)
    codes = (await answer.json())["recoveryCodes"]
    assert len({*codes, *member.app.recovery_codes}) == 20
    client = member.fakes.client
    assert await refused(second.log_in(client, member.person, code=member.app.recovery_codes[1])) == (
        401,
        "invalid_code",
    )
    assert (await second.log_in(client, member.person, code=codes[1])).status == 200
    assert (await held(client, member.tokens))["recoveryCodesLeft"] == 9


async def test_a_closed_account_takes_its_factors_along(member: Member) -> None:
    assert (await close(member, {"code": member.code})).status == 204
    factors = member.fakes.application.backends.factors
    assert await factors.totp_secret(UUID(member.person["userId"])) is None


# --- what members and operators are told


async def test_an_export_names_the_factors_and_gives_none_away(member: Member) -> None:
    text = await (await member.fakes.client.get("/auth/export", **bearer(member.tokens))).text()
    assert '"factors":{"totp":{"since":"2026-11-24T12:00:00Z"},"passkeys":[],"recoveryCodesLeft":10}' in text
    assert not any(code in text for code in member.app.recovery_codes)


async def test_members_are_told_by_mail_of_what_happened_to_their_factors(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, Notice, str]] = []

    async def tell(_: Notices, user: User, what: Notice, visitor: Visitor | None = None) -> None:
        told.append((user.email, what, visitor.source if visitor else ""))

    monkeypatch.setattr(Notices, "tell", tell)
    member = await a_member(fakes)
    here = "127.0.0.1"
    assert (await second.log_in(fakes.client, member.person, code=member.app.recovery_codes[0])).status == 200
    assert (await remove(member, member.code)).status == 204
    await second.enrol(fakes.client, member.person, member.tokens, fakes.ambient.now())
    assert await fakes.application.factors.remove_all(member.person["email"])
    assert told == [
        (member.person["email"], Notice.FACTOR_ADDED, here),
        (member.person["email"], Notice.RECOVERY_CODE_USED, here),
        (member.person["email"], Notice.FACTOR_REMOVED, here),
        (member.person["email"], Notice.FACTOR_ADDED, here),
        (member.person["email"], Notice.BY_OPERATOR, ""),
    ]


async def test_changes_of_factors_are_security_events(member: Member) -> None:
    events: list[Any] = []
    member.fakes.application.events.add(events.append)
    await new_codes(member, member.code)
    await remove(member, member.app.recovery_codes[0])  # void by now
    member.fakes.ambient.advance(seconds=30)
    await remove(member, member.code)
    assert [(one.name.value, one.outcome.value, one.reason) for one in events] == [
        ("user_updated", "success", "recovery_codes_replaced"),
        ("authn_login_fail", "failure", "wrong_code"),
        ("user_updated", "success", "factor_removed"),
    ]
    assert len({one.session_id for one in events}) == 1


async def test_an_operator_removes_the_factors_of_somebody_who_is_locked_out(member: Member) -> None:
    factors, email = member.fakes.application.factors, member.person["email"]
    assert (await factors.of_account(email)) is not None
    assert await factors.remove_all(email)
    assert (await member.fakes.client.me(member.tokens)).status == 401
    assert (await second.log_in(member.fakes.client, member.person)).status == 200
    assert not await factors.remove_all(email)
    assert not await factors.remove_all("nobody@example.com")
    assert await factors.of_account("nobody@example.com") is None
