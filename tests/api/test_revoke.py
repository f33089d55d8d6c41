"""RFC 7009: whoever holds a token may end its session."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.conftest import Client, MakeOnFakes, OnFakes, problem

PATH = "/auth/revoke"
NAMES = ["idToken", "accessToken", "refreshToken"]


async def revoke(client: Client, token: str) -> None:
    answer = await client.http.post(PATH, data={"token": token})
    assert (answer.status, await answer.read()) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", NAMES)
async def test_any_token_of_a_session_ends_it_and_no_other(client: Client, name: str) -> None:
    person = await client.sign_up()
    tokens, other = await client.log_in(person), await client.log_in(person)
    renewed = await (await client.refresh(tokens)).json()
    await revoke(client, tokens[name])
    for dead in (tokens, renewed):
        assert (await client.me(dead)).status == 401
    assert (await client.refresh(tokens)).status == 401
    assert (await client.me(other)).status == 200
    assert (await client.refresh(other)).status == 200


async def test_the_token_may_come_as_json_with_any_hint(client: Client) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.post(PATH, {"token": tokens["refreshToken"], "token_type_hint": "access_token"})
    assert answer.status == 200
    assert (await client.me(tokens)).status == 401


async def test_revoking_again_changes_and_writes_nothing(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    await revoke(fakes.client, tokens["accessToken"])
    written = fakes.revocations.transactions
    for name in NAMES:
        await revoke(fakes.client, tokens[name])
    assert fakes.revocations.transactions == written


async def test_an_unknown_token_gets_the_same_answer(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    good = tokens["refreshToken"]
    forged = tokens["idToken"][:-8] + "AAAAAAAA"
    for text in (person["apiKey"], forged, good[:-1], good[:-4] + "AAAA", "x", "a.b.c", "\u00e9"):
        await revoke(fakes.client, text)
    assert not fakes.revocations.rows
    assert (await fakes.client.refresh(tokens)).status == 200


async def test_an_expired_token_ends_nothing(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"access_lifetime": "5m"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    fakes.ambient.advance(minutes=10)
    await revoke(fakes.client, tokens["accessToken"])
    assert (await fakes.client.me(tokens)).status == 200


async def test_success_is_not_said_while_the_ending_may_not_hold(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())

    def gone(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as outage:
        outage.setattr(fakes.redis, "pipeline", gone)
        answer = await fakes.client.http.post(PATH, data={"token": tokens["accessToken"]})
        assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")
    await revoke(fakes.client, tokens["accessToken"])
    assert (await fakes.client.me(tokens)).status == 401


async def test_guesses_count_like_unknown_refresh_tokens(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "refresh_unknown": "2/1m"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    guess = tokens["refreshToken"][:-43] + "A" * 43
    await revoke(fakes.client, guess)
    assert (await fakes.client.refresh({"refreshToken": guess})).status == 401
    answer = await fakes.client.http.post(PATH, data={"token": guess})
    assert (answer.status, problem(await answer.text())["code"]) == (429, "rate_limited")
    await revoke(fakes.client, tokens["refreshToken"])  # a token that is one is never refused
    assert (await fakes.client.me(tokens)).status == 401


async def test_a_token_signed_with_a_killed_key_ends_no_session(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    await fakes.application.key_compromise.revoke(fakes.application.keys.signing.kid)
    await revoke(fakes.client, tokens["idToken"])
    await revoke(fakes.client, tokens["accessToken"])
    assert not fakes.revocations.rows
    assert (await fakes.client.refresh(tokens)).status == 200
