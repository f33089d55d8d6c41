"""Where each account must have a second factor, the first login of one that has none sets it up."""

import asyncio
import base64
import re
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from service.domain.events.security_events import Event
from service.domain.mail.notices import Notice, Notices
from service.domain.models import User, Visitor
from service.domain.second_factors.challenges import TRIES, Challenge, Challenges
from service.errors import InvalidChallengeError, InvalidCodeError
from tests.api.test_login_steps import STRANGE, methods, refused
from tests.api.test_second_factors import held
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS
from tests.support.builders import PASSWORD
from tests.support.fakes import FakePendingRevocations
from tests.support.second_factors import App

REQUIRED: dict[str, Any] = {"accounts": {"second_factor": "required"}}
VISITOR = Visitor("127.0.0.1")


class Newcomer(NamedTuple):
    fakes: OnFakes
    person: dict[str, Any]

    @property
    def client(self) -> Client:
        return self.fakes.client

    async def challenge(self) -> str:
        return await second.challenge(self.client, self.person)

    async def begin(self, challenge: str) -> App:
        answer = await self.client.post("/auth/login/totp", {"challenge": challenge})
        assert answer.status == 200, await answer.text()
        return App((await answer.json())["uri"])

    async def confirm(self, challenge: str, code: str) -> Any:
        return await self.client.post("/auth/login/totp/confirm", {"challenge": challenge, "code": code})

    async def set_up(self) -> tuple[App, dict[str, Any]]:
        challenge = await self.challenge()
        app = await self.begin(challenge)
        answer = await self.confirm(challenge, app.code(self.fakes.ambient.now(), -1))
        assert answer.status == 200, await answer.text()
        tokens = await answer.json()
        app.recovery_codes = tokens.pop("recoveryCodes")
        return app, tokens

    async def user(self) -> User:
        user = await self.fakes.users.by_id(UUID(self.person["userId"]))
        assert user
        return user


@pytest.fixture
async def newcomer(on_fakes: MakeOnFakes) -> Newcomer:
    fakes = await on_fakes(**REQUIRED)
    return Newcomer(fakes, await fakes.client.sign_up())


async def test_a_right_password_is_answered_with_a_challenge_that_sets_up_an_app(newcomer: Newcomer) -> None:
    answer = await second.log_in(newcomer.client, newcomer.person)
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["factors"], said["expiresIn"]) == (401, "second_factor_required", [], 300)
    assert "has none yet" in said["detail"]
    assert re.fullmatch(r"ch_[0-9a-f]{64}", said["challenge"])
    assert not await newcomer.fakes.redis.keys("th:session:*")

    begun = await (await newcomer.client.post("/auth/login/totp", {"challenge": said["challenge"]})).json()
    assert begun.keys() == {"secret", "uri"}
    app = App(begun["uri"])
    assert app.secret == begun["secret"]
    assert await refused(second.log_in(newcomer.client, newcomer.person)) == (401, "second_factor_required")
    assert not (await newcomer.user()).second_factor_since  # nothing has changed yet

    done = await newcomer.confirm(said["challenge"], app.code(newcomer.fakes.ambient.now(), -1))
    tokens = await done.json()
    assert done.status == 200
    assert tokens.keys() == {
        *("idToken", "accessToken", "refreshToken", "apiKey", "firstName", "lastName", "email", "recoveryCodes")
    }
    assert methods(tokens) == [["pwd", "otp"]] * 2
    assert (await newcomer.client.me(tokens)).status == 200
    assert (await newcomer.client.refresh(tokens)).status == 200
    assert (await held(newcomer.client, tokens))["totp"] == {"since": "2026-11-24T12:00:00Z"}


async def test_the_next_login_asks_for_a_code_or_a_recovery_code(newcomer: Newcomer) -> None:
    app, _ = await newcomer.set_up()
    said = await (await second.log_in(newcomer.client, newcomer.person)).json()
    assert said["factors"] == ["totp", "recovery_code"]
    code = app.code(newcomer.fakes.ambient.now())
    assert (await second.answer(newcomer.client, said["challenge"], code)).status == 200
    assert (await second.log_in(newcomer.client, newcomer.person, code=app.recovery_codes[0])).status == 200


async def test_the_code_that_set_it_up_is_used_up(newcomer: Newcomer) -> None:
    app, _ = await newcomer.set_up()
    code = app.code(newcomer.fakes.ambient.now(), -1)
    assert await refused(second.log_in(newcomer.client, newcomer.person, code=code)) == (401, "invalid_code")


async def test_a_code_that_comes_with_the_password_does_not_stand_for_a_factor(newcomer: Newcomer) -> None:
    answer = second.log_in(newcomer.client, newcomer.person, code="123456")
    assert await refused(answer) == (401, "second_factor_required")
    assert not await newcomer.fakes.redis.keys("th:session:*")


async def test_a_wrong_password_and_an_unknown_address_get_no_challenge(newcomer: Newcomer) -> None:
    for wrong in ({"password": "Wrong-Pass1!"}, {"email": "nobody@example.com"}):
        answer = second.log_in(newcomer.client, {**newcomer.person, **wrong})
        assert await refused(answer) == (401, "invalid_credentials")
    assert not await newcomer.fakes.redis.keys("th:challenge:*")


async def test_every_other_session_is_over(newcomer: Newcomer) -> None:
    """Those of the time before a factor was required go on until then."""
    login, person = newcomer.fakes.application.login, newcomer.person
    signed_in = await replace(login, requires_factor=False).with_password(person["email"], PASSWORD, VISITOR)
    before = {"idToken": signed_in.tokens.id_token, "refreshToken": signed_in.refresh_token}
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    assert (await newcomer.client.refresh(before)).status == 200
    tokens = await (await newcomer.confirm(challenge, app.code(newcomer.fakes.ambient.now()))).json()
    assert (await newcomer.client.refresh(before)).status == 401
    assert (await newcomer.client.me(before)).status == 401
    assert (await newcomer.client.me(tokens)).status == 200


async def test_an_instance_that_ends_the_other_sessions_once_more_leaves_the_one_that_was_opened(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have taken the ending over while this one was at it."""

    async def is_slow(_: FakePendingRevocations, __: UUID) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(FakePendingRevocations, "remove", is_slow)
        _, tokens = await newcomer.set_up()
    newcomer.fakes.ambient.advance(seconds=3)
    await newcomer.fakes.application.user_revocation.finish_overdue()
    assert (await newcomer.client.me(tokens)).status == 200


async def test_where_it_is_optional_a_challenge_sets_nothing_up(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    assert (await second.log_in(fakes.client, person)).status == 200
    user = await fakes.users.by_id(UUID(person["userId"]))
    assert user
    token = await fakes.application.login.challenges.begin(user)
    answer = fakes.client.post("/auth/login/totp", {"challenge": token})
    assert await refused(answer) == (401, "invalid_challenge")


async def test_a_passkey_proves_both_factors(on_fakes: MakeOnFakes) -> None:
    newcomer = Newcomer(await on_fakes(passkeys=SETTINGS, **REQUIRED), {})
    newcomer = newcomer._replace(person=await newcomer.client.sign_up())
    app, tokens = await newcomer.set_up()
    code = app.code(newcomer.fakes.ambient.now())
    device, added = await passkeys.enrol(newcomer.client, newcomer.person, tokens, code=code)
    assert "recoveryCodes" not in added
    answer = await passkeys.log_in(newcomer.client, device.prove(await passkeys.options(newcomer.client)))
    assert answer.status == 200


async def test_after_the_last_factor_was_removed_the_next_login_sets_one_up(newcomer: Newcomer) -> None:
    app, tokens = await newcomer.set_up()
    body = {"password": PASSWORD, "code": app.recovery_codes[0]}
    removed = await newcomer.client.http.delete("/auth/factors/totp", headers=bearer(tokens), json=body)
    assert removed.status == 204
    assert (await newcomer.client.me(tokens)).status == 200
    again, _ = await newcomer.set_up()
    assert again.secret != app.secret


async def test_api_keys_work_without_a_factor(newcomer: Newcomer) -> None:
    answer = await newcomer.client.get("/auth/me", **{"x-api-key": newcomer.person["apiKey"]})
    assert answer.status == 200


# --- challenges


async def test_a_challenge_sets_up_one_app_and_opens_one_session(newcomer: Newcomer) -> None:
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    code = app.code(newcomer.fakes.ambient.now())
    answers = await asyncio.gather(*(newcomer.confirm(challenge, code) for _ in range(TRIES)))
    assert sorted(answer.status for answer in answers) == [200, *[401] * (TRIES - 1)]
    assert len(await newcomer.fakes.redis.keys("th:session:*")) == 1
    assert await refused(newcomer.confirm(challenge, code)) == (401, "invalid_challenge")
    assert await refused(newcomer.client.post("/auth/login/totp", {"challenge": challenge})) == (
        401,
        "invalid_challenge",
    )


async def test_of_two_challenges_one_sets_up_a_factor(newcomer: Newcomer) -> None:
    first, late = await newcomer.challenge(), await newcomer.challenge()
    app, other = await newcomer.begin(first), await newcomer.begin(late)
    now = newcomer.fakes.ambient.now()
    answers = await asyncio.gather(newcomer.confirm(first, app.code(now)), newcomer.confirm(late, other.code(now)))
    assert sorted(answer.status for answer in answers) == [200, 401]
    assert len(await newcomer.fakes.redis.keys("th:session:*")) == 1


async def test_a_secret_belongs_to_the_challenge_that_it_was_begun_under(newcomer: Newcomer) -> None:
    mine, another = await newcomer.challenge(), await newcomer.challenge()
    app, now = await newcomer.begin(mine), newcomer.fakes.ambient.now()
    assert await refused(newcomer.confirm(another, app.code(now))) == (401, "invalid_code")
    await newcomer.begin(another)
    assert (await newcomer.confirm(mine, app.code(now))).status == 200


async def test_begun_again_the_secret_before_is_void(newcomer: Newcomer) -> None:
    challenge, now = await newcomer.challenge(), newcomer.fakes.ambient.now()
    app, again = await newcomer.begin(challenge), await newcomer.begin(challenge)
    assert await refused(newcomer.confirm(challenge, app.code(now))) == (401, "invalid_code")
    assert (await newcomer.confirm(challenge, again.code(now))).status == 200


async def test_without_a_secret_no_code_is_right(newcomer: Newcomer) -> None:
    challenge = await newcomer.challenge()
    for code in ("123456", "000000", *STRANGE[:3]):
        assert await refused(newcomer.confirm(challenge, code)) == (401, "invalid_code")


async def test_guesses_in_parallel_are_not_more_than_others(newcomer: Newcomer) -> None:
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    wrong = app.wrong_code(newcomer.fakes.ambient.now())
    codes = await asyncio.gather(*(refused(newcomer.confirm(challenge, wrong)) for _ in range(20)))
    assert codes.count((401, "invalid_code")) == TRIES
    right = app.code(newcomer.fakes.ambient.now())
    assert await refused(newcomer.confirm(challenge, right)) == (401, "invalid_challenge")


@pytest.mark.parametrize("token", ["ch_" + "0" * 64, "ch_", "x", "\0", "ch_*"])
@pytest.mark.parametrize("path", ["/auth/login/totp", "/auth/login/totp/confirm"])
async def test_what_is_no_challenge_is_refused(newcomer: Newcomer, token: str, path: str) -> None:
    code = {"code": "123456"} if path.endswith("confirm") else {}
    answer = newcomer.client.post(path, {"challenge": token, **code})
    assert await refused(answer) == (401, "invalid_challenge")


async def test_a_challenge_ends_with_the_password_and_with_the_account(newcomer: Newcomer) -> None:
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    assert await newcomer.fakes.application.accounts.disable(newcomer.person["email"])
    code = app.code(newcomer.fakes.ambient.now())
    assert await refused(newcomer.confirm(challenge, code)) == (401, "invalid_challenge")
    assert await refused(newcomer.client.post("/auth/login/totp", {"challenge": challenge})) == (
        401,
        "invalid_challenge",
    )
    assert not await newcomer.fakes.redis.keys("th:session:*")


async def test_a_challenge_that_asks_for_a_code_sets_nothing_up_and_the_other_way_round(newcomer: Newcomer) -> None:
    before = await newcomer.challenge()
    assert await refused(second.answer(newcomer.client, before, "123456")) == (401, "invalid_challenge")
    app, _ = await newcomer.set_up()
    asks_for_code = await newcomer.challenge()
    for challenge in (before, asks_for_code):
        answer = newcomer.client.post("/auth/login/totp", {"challenge": challenge})
        assert await refused(answer) == (401, "invalid_challenge")
    code = app.code(newcomer.fakes.ambient.now())
    assert (await second.answer(newcomer.client, asks_for_code, code)).status == 200


async def test_a_secret_that_waits_is_sealed_and_lapses_with_its_challenge(newcomer: Newcomer) -> None:
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    (key,) = await newcomer.fakes.redis.keys("th:challenge:*")
    assert 290_000 < await newcomer.fakes.redis.pttl(key) <= 300_000
    assert isinstance(key, bytes)
    stored = await newcomer.fakes.application.login.challenges.store.secret(key.decode().rpartition(":")[2])
    assert stored
    assert base64.b32decode(app.secret) not in stored
    assert app.secret.encode() not in stored
    await newcomer.fakes.redis.pexpire(key, 0)
    code = app.code(newcomer.fakes.ambient.now())
    assert await refused(newcomer.confirm(challenge, code)) == (401, "invalid_challenge")


# --- limits, events and mails


async def test_a_wrong_code_counts_as_a_failed_login_and_beginning_as_none(on_fakes: MakeOnFakes) -> None:
    rows = ("login_account_source", "login_known_source")
    limits = {"exempt": [], "login_source": "100/5m", **dict.fromkeys(rows, "3/5m")}
    fakes = await on_fakes(throttle=limits, **REQUIRED)
    newcomer = Newcomer(fakes, await fakes.client.sign_up())
    challenge = await newcomer.challenge()
    for _ in range(6):
        app = await newcomer.begin(challenge)
    for _ in range(3):
        wrong = app.wrong_code(fakes.ambient.now())
        assert await refused(newcomer.confirm(challenge, wrong)) == (401, "invalid_code")
    right = app.code(fakes.ambient.now())
    assert await refused(newcomer.confirm(challenge, right)) == (429, "rate_limited")
    assert await refused(newcomer.client.post("/auth/login/totp", {"challenge": challenge})) == (429, "rate_limited")
    assert not await fakes.redis.keys("th:limit:{login}:known:*")


async def test_each_step_says_how_it_went(newcomer: Newcomer) -> None:
    events: list[Event] = []
    newcomer.fakes.application.events.add(events.append)
    challenge = await newcomer.challenge()
    app = await newcomer.begin(challenge)
    now = newcomer.fakes.ambient.now()
    await newcomer.confirm(challenge, app.wrong_code(now))
    await newcomer.confirm(challenge, app.code(now))
    await newcomer.confirm(challenge, app.code(now, 1))
    assert [(one.name.value, one.outcome.value, str(one.reason)) for one in events] == [
        ("authn_login_challenge", "success", "no_factor_yet"),
        ("authn_login_fail", "failure", "wrong_code"),
        ("user_updated", "success", "factor_added"),
        ("authn_login_success", "success", ""),
    ]
    assert {str(one.user_id) for one in events} == {newcomer.person["userId"]}


async def test_its_member_is_told_by_mail(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Notice]] = []

    async def tell(_: Notices, user: User, what: Notice, *__: Any) -> None:
        told.append((user.email, what))

    monkeypatch.setattr(Notices, "tell", tell)
    await newcomer.set_up()
    assert told == [(newcomer.person["email"], Notice.FACTOR_ADDED)]


# --- for a protocol that keeps the secret itself


async def test_the_steps_are_made_one_by_one(newcomer: Newcomer) -> None:
    setup, now = newcomer.fakes.application.factor_setup, newcomer.fakes.ambient.now
    token = await newcomer.challenge()
    new, sealed = await setup.offer(token, VISITOR)
    app = App(new.uri)
    assert app.secret.encode() not in sealed
    with pytest.raises(InvalidCodeError):
        await setup.confirm(token, sealed, app.wrong_code(now()), VISITOR)
    step = await setup.confirm(token, sealed, app.code(now(), -1), VISITOR)
    assert not (await newcomer.user()).second_factor_since
    signed_in = await setup.complete(token, sealed, step, VISITOR)
    tokens = {"idToken": signed_in.tokens.id_token, "accessToken": signed_in.tokens.access_token}
    assert (await newcomer.client.me(tokens)).status == 200
    assert (await held(newcomer.client, tokens))["recoveryCodesLeft"] == 0
    assert await refused(second.log_in(newcomer.client, newcomer.person, code=app.code(now(), -1))) == (
        401,
        "invalid_code",
    )
    for again in (setup.offer(token, VISITOR), setup.complete(token, sealed, step, VISITOR)):
        with pytest.raises(InvalidChallengeError):
            await again


async def test_of_completions_at_once_one_opens_a_session(newcomer: Newcomer) -> None:
    setup, token = newcomer.fakes.application.factor_setup, await newcomer.challenge()
    new, sealed = await setup.offer(token, VISITOR)
    step = await setup.confirm(token, sealed, App(new.uri).code(newcomer.fakes.ambient.now()), VISITOR)
    completing = (setup.complete(token, sealed, step, VISITOR) for _ in range(20))
    done = await asyncio.gather(*completing, return_exceptions=True)
    assert sum(isinstance(one, InvalidChallengeError) for one in done) == 19
    assert len(await newcomer.fakes.redis.keys("th:session:*")) == 1


async def test_guesses_at_a_confirmation_are_counted(newcomer: Newcomer) -> None:
    setup, token = newcomer.fakes.application.factor_setup, await newcomer.challenge()
    new, sealed = await setup.offer(token, VISITOR)
    app, now = App(new.uri), newcomer.fakes.ambient.now()
    for _ in range(TRIES):
        with pytest.raises(InvalidCodeError):
            await setup.confirm(token, sealed, app.wrong_code(now), VISITOR)
    with pytest.raises(InvalidChallengeError):
        await setup.confirm(token, sealed, app.code(now), VISITOR)


async def test_nothing_is_completed_after_the_password_was_changed(newcomer: Newcomer) -> None:
    setup, user = newcomer.fakes.application.factor_setup, await newcomer.user()
    token = await newcomer.challenge()
    new, sealed = await setup.offer(token, VISITOR)
    step = await setup.confirm(token, sealed, App(new.uri).code(newcomer.fakes.ambient.now()), VISITOR)
    changed = replace(user, password_changed_at=user.time_of_next_password(newcomer.fakes.ambient.now()))
    newcomer.fakes.users.rows[user.id] = changed
    with pytest.raises(InvalidChallengeError):
        await setup.complete(token, sealed, step, VISITOR)
    assert not (await newcomer.user()).second_factor_since
    assert not await newcomer.fakes.redis.keys("th:session:*")


async def test_a_password_that_is_changed_in_the_last_moment_wins(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the account and the statement that stores the factor."""
    challenge = await newcomer.challenge()
    app, user = await newcomer.begin(challenge), await newcomer.user()
    finish = Challenges.finish

    async def changed_first(challenges: Challenges, one: Challenge) -> None:
        await finish(challenges, one)
        later = user.time_of_next_password(newcomer.fakes.ambient.now())
        newcomer.fakes.users.rows[user.id] = replace(user, password_changed_at=later)

    monkeypatch.setattr(Challenges, "finish", changed_first)
    events: list[Event] = []
    newcomer.fakes.application.events.add(events.append)
    code = app.code(newcomer.fakes.ambient.now())
    assert await refused(newcomer.confirm(challenge, code)) == (401, "invalid_challenge")
    assert [str(one.reason) for one in events] == ["changed_meanwhile"]
    assert not (await newcomer.user()).second_factor_since
    assert not await newcomer.fakes.redis.keys("th:session:*")
