"""Refresh rotation: single use, a grace for lost answers, and an end for thieves."""

from typing import Any

import pytest

from tests.conftest import MakeOnFakes, OnFakes, problem


@pytest.fixture
async def rotating(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(tokens={"refresh_rotation": True})


async def renew(fakes: OnFakes, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = await fakes.client.refresh(tokens)
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def test_every_refresh_gives_a_new_refresh_token_and_old_tokens_stay_valid(rotating: OnFakes) -> None:
    first = await rotating.client.log_in(await rotating.client.sign_up())
    second = await renew(rotating, first)
    assert second.keys() == {"idToken", "accessToken", "refreshToken"}
    third = await renew(rotating, second)
    assert len({one["refreshToken"] for one in (first, second, third)}) == 3
    assert (await rotating.client.me(first)).status == 200


async def test_a_retry_within_the_grace_gets_the_same_successor(rotating: OnFakes) -> None:
    tokens = await rotating.client.log_in(await rotating.client.sign_up())
    first = await renew(rotating, tokens)
    rotating.ambient.advance(seconds=9.9)
    assert (await renew(rotating, tokens))["refreshToken"] == first["refreshToken"]
    await renew(rotating, first)


async def test_a_reuse_after_the_grace_ends_the_session(rotating: OnFakes, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = await rotating.client.log_in(await rotating.client.sign_up())
    successor = await renew(rotating, tokens)
    rotating.ambient.advance(seconds=10)
    answer = await rotating.client.refresh(tokens)
    assert problem(await answer.text())["code"] == "invalid_refresh_token"
    assert (await rotating.client.refresh(successor)).status == 401
    assert (await rotating.client.me(successor)).status == 401
    said = capsys.readouterr().out
    assert "authn_token_reuse" in said
    assert "token_before" in said


async def test_a_much_older_token_proves_itself_and_ends_the_session(
    rotating: OnFakes, capsys: pytest.CaptureFixture[str]
) -> None:
    stolen = await rotating.client.log_in(await rotating.client.sign_up())
    last = stolen
    for _ in range(5):
        last = await renew(rotating, last)
    assert (await rotating.client.refresh(stolen)).status == 401
    assert (await rotating.client.refresh(last)).status == 401
    assert "older_token" in capsys.readouterr().out


async def test_a_made_up_token_of_a_known_session_ends_nothing(rotating: OnFakes) -> None:
    tokens = await rotating.client.log_in(await rotating.client.sign_up())
    successor = await renew(rotating, tokens)
    made_up = tokens["refreshToken"][:27] + "A" * 43
    assert (await rotating.client.refresh({"refreshToken": made_up})).status == 401
    assert (await rotating.client.refresh(successor)).status == 200


async def test_the_long_walk_to_prove_an_older_token_is_charged_for_before_it_is_made(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"refresh_rotation": True}, throttle={"exempt": [], "refresh_unknown": "1/1m"})
    stolen = await fakes.client.log_in(await fakes.client.sign_up())
    last = stolen
    for _ in range(3):
        last = await renew(fakes, last)
    made_up = {"refreshToken": last["refreshToken"][:-43] + "A" * 43}
    assert (await fakes.client.refresh(made_up)).status == 401
    assert (await fakes.client.refresh(stolen)).status == 429
    assert (await fakes.client.refresh(last)).status == 200


async def test_without_a_grace_a_second_use_is_a_reuse(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"refresh_rotation": True, "refresh_grace": "0s"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    successor = await renew(fakes, tokens)
    assert (await fakes.client.refresh(tokens)).status == 401
    assert (await fakes.client.refresh(successor)).status == 401
