"""USER_PASSWORD_AUTH of people whose password only the system before this one knows."""

from typing import Any

import pytest

from tests.cognito.conftest import MakeGround
from tests.conftest import bearer
from tests.support.moving import lines, run_import
from tests.support.old_systems import PASSWORD, SECRET, VARIABLE, old_system

ADA = "ada@example.com"


async def no_time(_: float) -> None:
    """Failed logins are not waited for."""


async def sign_in(ground: Any, password: str, email: str = ADA) -> dict[str, Any]:
    parameters = {"USERNAME": email, "PASSWORD": password}
    return dict(
        await ground.call_from("192.0.2.7", "InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    )


@pytest.mark.parametrize("tells", [False, True])
async def test_whoever_signs_in_with_the_old_password_moves_in(
    make_ground: MakeGround, monkeypatch: pytest.MonkeyPatch, *, tells: bool
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={}) as old:
        ground = await make_ground(
            {"prevent_user_existence_errors": not tells}, lazy_migration={"url": old.url, "timeout": "10s"}
        )
        object.__setattr__(ground.fakes.application.login.migration, "sleep", no_time)
        wrong = await sign_in(ground, "wrong")
        expected = "UserNotFoundException" if tells else "NotAuthorizedException"
        assert wrong["__type"] == expected
        assert "AuthenticationResult" in await sign_in(ground, PASSWORD)
        assert (await sign_in(ground, "wrong"))["__type"] == "NotAuthorizedException"
        old.status = 500
        busy = await sign_in(ground, "wrong", "bob@example.com")
        assert (busy["__type"], busy["message"]) == ("NotAuthorizedException", "Incorrect username or password.")
        assert len(old.asked) == 3


@pytest.mark.parametrize("is_imported", [False, True])
async def test_with_srp_on_whoever_moved_in_has_a_verifier(
    make_ground: MakeGround, monkeypatch: pytest.MonkeyPatch, *, is_imported: bool
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={}) as old:
        ground = await make_ground({"srp": True}, lazy_migration={"url": old.url, "timeout": "10s"})
        if is_imported:
            await run_import(ground.fakes, lines({"email": ADA}))
        assert "AuthenticationResult" in await sign_in(ground, PASSWORD)
        [user] = ground.fakes.users.rows.values()
        verifiers = ground.fakes.application.srp.verifiers
        account = await verifiers.store.by_id(user.id)
        assert verifiers.usable(account) is not None
        assert len(old.asked) == 1


async def test_a_password_that_sign_up_would_not_take_can_be_changed(
    make_ground: MakeGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    async with old_system(ada={}) as old:
        ground = await make_ground(lazy_migration={"url": old.url, "timeout": "10s"})
        tokens = await ground.client.log_in({"email": ADA, "password": PASSWORD})
        body = {"currentPassword": PASSWORD, "newPassword": "NewPass1!"}
        changed = await ground.client.post("/auth/password", body, **bearer(tokens))
        assert changed.status in (200, 204), await changed.text()
        assert "AuthenticationResult" in await sign_in(ground, "NewPass1!")
