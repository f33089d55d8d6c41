"""Logging in to an account that has a second factor: in one call, or in two."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from service.domain.events.security_events import Event
from service.domain.second_factors.challenges import TRIES
from tests.conftest import MakeOnFakes, OnFakes, bearer, problem
from tests.support import second_factors as second
from tests.support.builders import PASSWORD, part
from tests.support.second_factors import App

NEW = "EvenMoreSecure2?"
STRANGE = [
    "\u0661\u0662\u0663\u0664\u0665\u0666",
    "\uff11\uff12\uff13\uff14\uff15\uff16",
    "12345",
    "1234567",
    "-12345",
    "1e5000",
    "0x1234",
    "\u0131" * 16,
    "\0",
    "0" * 15_000,
    "'; DROP TABLE totp; --",
]


class Member(NamedTuple):
    fakes: OnFakes
    person: dict[str, Any]
    tokens: dict[str, Any]
    app: App

    @property
    def code(self) -> str:
        return self.app.code(self.fakes.ambient.now())


async def a_member(fakes: OnFakes) -> Member:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    return Member(fakes, person, tokens, await second.enrol(fakes.client, person, tokens, fakes.ambient.now()))


@pytest.fixture
async def member(fakes: OnFakes) -> Member:
    return await a_member(fakes)


async def refused(awaited: Awaitable[Any]) -> tuple[int, str]:
    answer = await awaited
    return answer.status, problem(await answer.text())["code"]


def methods(tokens: dict[str, Any]) -> list[object]:

    return [json.loads(part(tokens[name], 1)).get("amr") for name in ("idToken", "accessToken")]


# --- one call


async def test_a_login_with_a_code_is_one_call_and_the_tokens_say_so_through_every_refresh(member: Member) -> None:
    answer = await second.log_in(member.fakes.client, member.person, code=member.code)
    assert answer.status == 200
    tokens = await answer.json()
    assert methods(tokens) == [["pwd", "otp"]] * 2
    refreshed = await (await member.fakes.client.refresh(tokens)).json()
    assert methods(refreshed) == [["pwd", "otp"]] * 2


async def test_without_a_second_factor_the_claims_are_as_ever(fakes: OnFakes) -> None:
    assert methods(await fakes.client.log_in(await fakes.client.sign_up())) == [None, None]


async def test_a_code_of_nobody_s_app_does_no_harm_to_a_login_that_needs_none(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    assert (await second.log_in(fakes.client, person, code="123456")).status == 200


async def test_a_code_may_be_typed_as_the_app_shows_it(member: Member) -> None:
    code = f" {member.code[:3]} {member.code[3:]}"
    assert (await second.log_in(member.fakes.client, member.person, code=code)).status == 200


async def test_a_code_is_good_once(member: Member) -> None:
    client, code = member.fakes.client, member.code
    assert (await second.log_in(client, member.person, code=code)).status == 200
    assert await refused(second.log_in(client, member.person, code=code)) == (401, "invalid_code")
    member.fakes.ambient.advance(seconds=30)  # still near enough
    assert await refused(second.log_in(client, member.person, code=code)) == (401, "invalid_code")


async def test_a_code_older_than_one_that_was_used_is_void(member: Member) -> None:
    client, now = member.fakes.client, member.fakes.ambient.now()
    assert (await second.log_in(client, member.person, code=member.app.code(now, 1))).status == 200
    assert await refused(second.log_in(client, member.person, code=member.app.code(now))) == (401, "invalid_code")


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_a_phone_s_clock_may_be_a_step_off(member: Member, steps: int, status: int) -> None:
    member.fakes.ambient.advance(minutes=5)
    code = member.app.code(member.fakes.ambient.now(), steps)
    assert (await second.log_in(member.fakes.client, member.person, code=code)).status == status


async def test_the_code_that_turned_it_on_is_used_up(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    app = App((await (await second.begin(fakes.client, person, tokens)).json())["uri"])
    code = app.code(fakes.ambient.now())
    assert (await second.confirm(fakes.client, tokens, code)).status == 200
    assert await refused(second.log_in(fakes.client, person, code=code)) == (401, "invalid_code")


@pytest.mark.parametrize("typed", [str, str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
async def test_a_recovery_code_is_good_once_however_it_is_typed(member: Member, typed: Callable[[str], str]) -> None:
    client, code = member.fakes.client, typed(member.app.recovery_codes[3])
    answer = await second.log_in(client, member.person, code=code)
    assert answer.status == 200
    assert methods(await answer.json()) == [["pwd", "otp"]] * 2
    assert await refused(second.log_in(client, member.person, code=code)) == (401, "invalid_code")
    other = member.app.recovery_codes[4]
    assert (await second.log_in(client, member.person, code=other)).status == 200


async def test_the_codes_of_another_member_are_of_no_use(member: Member) -> None:
    eve = await a_member(member.fakes)
    for code in (eve.code, eve.app.recovery_codes[0]):
        assert await refused(second.log_in(member.fakes.client, member.person, code=code)) == (401, "invalid_code")
    assert (await second.log_in(member.fakes.client, eve.person, code=eve.app.recovery_codes[0])).status == 200


@pytest.mark.parametrize("code", STRANGE)
async def test_a_code_of_another_shape_is_a_wrong_code(member: Member, code: str) -> None:
    assert await refused(second.log_in(member.fakes.client, member.person, code=code)) == (401, "invalid_code")


@pytest.mark.parametrize("code", [None, 123456, ["123456"], {"a": 1}, "", " "])
async def test_what_is_no_text_is_no_code(member: Member, code: Any) -> None:
    answer = await second.log_in(member.fakes.client, member.person, code=code)
    assert answer.status == (401 if code is None else 422)


async def test_a_passkey_is_a_wrong_proof_where_there_are_none(member: Member) -> None:
    proof: Any = {"id": "x", "nested": [{"a": "b"}]}
    answer = second.log_in(member.fakes.client, member.person, credential=proof)
    assert await refused(answer) == (401, "invalid_code")
    assert await refused(second.log_in(member.fakes.client, member.person, credential="x")) == (422, "invalid_fields")


async def test_a_wrong_password_is_told_before_a_code_is_looked_at(member: Member) -> None:
    client, wrong = member.fakes.client, {**member.person, "password": "Wrong-Pass1!"}
    assert await refused(second.log_in(client, wrong, code=member.code)) == (401, "invalid_credentials")
    assert (await second.log_in(client, member.person, code=member.code)).status == 200  # not used up


# --- two calls


async def test_a_right_password_alone_is_answered_with_a_challenge_and_opens_nothing(member: Member) -> None:
    client = member.fakes.client
    before = await member.fakes.redis.keys("th:session:*")
    answer = await second.log_in(client, member.person)
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["expiresIn"]) == (401, "second_factor_required", 300)
    assert said["factors"] == ["totp", "recovery_code"]
    assert re.fullmatch(r"ch_[A-Za-z0-9_]{40,190}", said["challenge"])
    assert await member.fakes.redis.keys("th:session:*") == before
    finished = await second.answer(client, said["challenge"], member.code)
    assert finished.status == 200
    tokens = await finished.json()
    assert methods(tokens) == [["pwd", "otp"]] * 2
    assert tokens.keys() == member.tokens.keys()
    assert (await client.me(tokens)).status == 200


async def test_a_challenge_takes_recovery_codes_too_and_a_factor_without_codes_is_not_named(member: Member) -> None:
    for code in member.app.recovery_codes:
        token = await second.challenge(member.fakes.client, member.person)
        assert (await second.answer(member.fakes.client, token, code)).status == 200
    answer = await second.log_in(member.fakes.client, member.person)
    assert (await answer.json())["factors"] == ["totp"]


async def test_a_challenge_is_good_for_one_session(member: Member) -> None:
    client, codes = member.fakes.client, member.app.recovery_codes
    token = await second.challenge(client, member.person)
    assert (await second.answer(client, token, codes[0])).status == 200
    assert await refused(second.answer(client, token, codes[1])) == (401, "invalid_challenge")


async def test_a_challenge_lapses(member: Member) -> None:
    token = await second.challenge(member.fakes.client, member.person)
    (key,) = await member.fakes.redis.keys("th:challenge:*")
    assert 290_000 < await member.fakes.redis.pttl(key) <= 300_000
    await member.fakes.redis.pexpire(key, 0)
    assert await refused(second.answer(member.fakes.client, token, member.code)) == (401, "invalid_challenge")


@pytest.mark.parametrize("token", ["ch_" + "0" * 64, "ch_", "x", "ch_*", "ch_" + "0" * 15_000, "\0", "ch_\u0660" * 9])
async def test_what_is_no_challenge_is_refused(member: Member, token: str) -> None:
    assert await refused(second.answer(member.fakes.client, token, member.code)) == (401, "invalid_challenge")


async def test_a_challenge_needs_a_code_or_a_credential(member: Member) -> None:
    token = await second.challenge(member.fakes.client, member.person)
    answer = await member.fakes.client.post("/auth/login/challenge", {"challenge": token})
    assert answer.status == 422
    assert [one["field"] for one in (await answer.json())["errors"]] == ["code"]


async def test_the_fifth_wrong_code_ends_a_challenge_and_no_right_one_revives_it(member: Member) -> None:
    client = member.fakes.client
    token = await second.challenge(client, member.person)
    for _ in range(TRIES):
        wrong = member.app.wrong_code(member.fakes.ambient.now())
        assert await refused(second.answer(client, token, wrong)) == (401, "invalid_code")
    assert await refused(second.answer(client, token, member.code)) == (401, "invalid_challenge")
    assert (await second.log_in(client, member.person, code=member.code)).status == 200  # which was not looked at


async def test_guesses_in_parallel_are_not_more_than_others(member: Member) -> None:
    client, wrong = member.fakes.client, member.app.wrong_code(member.fakes.ambient.now())
    token = await second.challenge(client, member.person)
    codes = await asyncio.gather(*(refused(second.answer(client, token, wrong)) for _ in range(40)))
    assert codes.count((401, "invalid_code")) == TRIES
    assert codes.count((401, "invalid_challenge")) == 40 - TRIES


async def test_the_challenge_of_another_member_asks_for_that_member_s_code(member: Member) -> None:
    eve, client = await a_member(member.fakes), member.fakes.client
    of_ada = await second.challenge(client, member.person)
    for code in (eve.code, eve.app.recovery_codes[0]):
        assert await refused(second.answer(client, of_ada, code)) == (401, "invalid_code")
    tokens = await (await second.answer(client, of_ada, member.code)).json()
    assert (await (await client.me(tokens)).json())["userId"] == member.person["userId"]


async def password_is_changed(member: Member) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW, "code": member.app.recovery_codes[0]}
    member.fakes.ambient.advance(seconds=1)
    assert (await member.fakes.client.post("/auth/password", body, **bearer(member.tokens))).status == 200


async def account_is_disabled(member: Member) -> None:
    assert await member.fakes.application.accounts.disable(member.person["email"])


async def account_is_closed(member: Member) -> None:
    body = {"password": PASSWORD, "code": member.app.recovery_codes[0]}
    answer = await member.fakes.client.http.delete("/auth/me", headers=bearer(member.tokens), json=body)
    assert answer.status == 204


async def factors_are_removed(member: Member) -> None:
    assert await member.fakes.application.factors.remove_all(member.person["email"])


CHANGES = [password_is_changed, account_is_disabled, account_is_closed, factors_are_removed]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_challenge_ends_with_what_it_stood_on(member: Member, change: Callable[[Member], Any]) -> None:
    token = await second.challenge(member.fakes.client, member.person)
    await change(member)
    before = await member.fakes.redis.keys("th:session:*")
    for code in (member.code, member.app.recovery_codes[1]):
        assert await refused(second.answer(member.fakes.client, token, code)) == (401, "invalid_challenge")
    assert await member.fakes.redis.keys("th:session:*") == before


# --- limits and events

ROWS = ("login_account_source", "login_known_source")
LIMITS = {"exempt": [], "login_source": "100/5m", "login_account": "100/15m", **dict.fromkeys(ROWS, "3/5m")}


async def test_a_wrong_code_counts_as_a_failed_login_in_either_step(on_fakes: MakeOnFakes) -> None:
    for step in (1, 2):
        member = await a_member(await on_fakes(throttle=LIMITS))
        client, wrong = member.fakes.client, member.app.wrong_code(member.fakes.ambient.now())
        token = await second.challenge(client, member.person)
        for _ in range(3):
            guess = (
                second.log_in(client, member.person, code=wrong) if step == 1 else second.answer(client, token, wrong)
            )
            assert await refused(guess) == (401, "invalid_code")
        assert (await second.log_in(client, member.person)).status == 429
        assert (await second.answer(client, token, member.code)).status == 429


async def test_a_challenge_is_neither_a_failure_nor_a_success(on_fakes: MakeOnFakes) -> None:
    member = await a_member(await on_fakes(throttle=LIMITS))
    client, wrong = member.fakes.client, {**member.person, "password": "Wrong-Pass1!"}
    for _ in range(10):
        await second.challenge(client, member.person)  # none of them is a failure
    for failures in range(1, 4):
        assert await refused(second.log_in(client, wrong)) == (401, "invalid_credentials")
        if failures < 3:
            await second.challenge(client, member.person)  # none of them makes up for a failure
    assert (await second.log_in(client, wrong)).status == 429


async def test_a_place_is_known_only_after_the_last_factor(on_fakes: MakeOnFakes) -> None:
    member = await a_member(await on_fakes(throttle=LIMITS))
    for key in await member.fakes.redis.keys("th:limit:{login}:known:*"):
        await member.fakes.redis.delete(key)  # of the time before the second factor
    token = await second.challenge(member.fakes.client, member.person)
    await refused(second.answer(member.fakes.client, token, member.app.wrong_code(member.fakes.ambient.now())))
    assert not await member.fakes.redis.keys("th:limit:{login}:known:*")
    assert (await second.answer(member.fakes.client, token, member.code)).status == 200
    assert await member.fakes.redis.keys("th:limit:{login}:known:*")


async def test_each_step_says_how_it_went(member: Member) -> None:
    client = member.fakes.client
    events: list[Event] = []
    member.fakes.application.events.add(events.append)
    wrong = member.app.wrong_code(member.fakes.ambient.now())
    token = await second.challenge(client, member.person)
    await second.answer(client, token, wrong)
    await second.log_in(client, member.person, code=wrong)
    await second.answer(client, token, member.app.recovery_codes[0])
    late = await second.challenge(client, member.person)
    await account_is_disabled(member)
    await second.answer(client, late, member.code)
    told = [(one.name.value, one.reason) for one in events if one.name.value != "session_expired"]
    assert told == [
        ("authn_login_challenge", ""),
        ("authn_login_fail", "wrong_code"),
        ("authn_login_fail", "wrong_code"),
        ("user_updated", "recovery_code_used"),
        ("authn_login_success", ""),
        ("authn_login_challenge", ""),
        ("user_updated", "disabled"),
        ("authn_login_fail", "disabled"),
    ]
    assert {str(one.user_id) for one in events} == {member.person["userId"]}
