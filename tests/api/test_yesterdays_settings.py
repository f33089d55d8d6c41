"""What was issued under earlier settings still ends, verifies and expires rightly under those of today."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from service.assembly.application import Application, build_on
from service.domain.models import Visitor
from service.domain.second_factors.models import NO_PROOF
from service.domain.signing.models import StoredKey
from service.errors import UnavailableError
from service.stores.redis_keys import EPOCH
from tests.conftest import Client, MakeOnFakes, OnFakes, Serve, bearer
from tests.support import builders
from tests.support.builders import PASSWORD
from tests.support.resource_servers import claims

NEW = "EvenMoreSecure2?"
Today = Callable[..., Awaitable[tuple[Application, Client]]]


@pytest.fixture
async def today(serve: Serve) -> Callable[..., Awaitable[tuple[Application, Client]]]:
    """Another instance on the same stores, with other settings of `tokens`."""

    async def start(yesterday: OnFakes, **tokens: object) -> tuple[Application, Client]:
        application = build_on(yesterday.application.backends, builders.settings(tokens=tokens), yesterday.ambient)
        await application.open()
        return application, await serve(application)

    return start


async def change_password(application: Application, client: Client, person: Any, mine: Any) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert (await client.post("/auth/password", body, **bearer(mine))).status == 200


async def end_everywhere(application: Application, client: Client, person: Any, mine: Any) -> None:
    answer = await client.http.delete("/auth/sessions?everywhere=true", headers=bearer(mine))
    assert answer.status == 204


async def end_by_operator(application: Application, client: Client, person: Any, mine: Any) -> None:
    assert await application.accounts.end_sessions(person["email"]) == 2


async def disable(application: Application, client: Client, person: Any, mine: Any) -> None:
    assert await application.accounts.disable(person["email"])


async def close(application: Application, client: Client, person: Any, mine: Any) -> None:
    answer = await client.http.delete("/auth/me", headers=bearer(mine), json={"password": PASSWORD})
    assert answer.status == 204


@pytest.mark.parametrize("end", [change_password, end_everywhere, end_by_operator, disable, close])
@pytest.mark.parametrize(
    "tokens", [{"refresh_lifetime": "3s"}, {"idle_lifetime": "3s"}, {"id_lifetime": "1m"}, {"max_sessions": 2}]
)
async def test_every_ending_reaches_the_sessions_of_longer_settings(
    fakes: OnFakes, today: Today, end: Callable[..., Awaitable[None]], tokens: dict[str, object]
) -> None:
    person = await fakes.client.sign_up()
    old = await fakes.client.log_in(person)
    fakes.ambient.advance(seconds=1)
    application, client = await today(fakes, **tokens)
    mine = await client.log_in(person)
    fakes.ambient.advance(seconds=4)
    assert (await fakes.client.get("/auth/verify", **bearer(old))).status == 204
    await end(application, client, person, mine)
    for one in (fakes.client, client):
        assert (await one.get("/auth/verify", **bearer(old))).status == 401
        assert (await one.refresh(old)).status == 401


async def test_no_session_outlives_the_settings_of_today(fakes: OnFakes, today: Today) -> None:
    person = await fakes.client.sign_up()
    old = await fakes.client.log_in(person)
    _, shorter = await today(fakes, refresh_lifetime="1d")
    _, idle = await today(fakes, idle_lifetime="2h")
    fakes.ambient.advance(hours=2, seconds=-1)
    assert (await idle.refresh(old)).status == 200
    fakes.ambient.advance(hours=2)
    assert (await idle.refresh(old)).status == 401
    assert (await shorter.refresh(old)).status == 200
    fakes.ambient.advance(hours=20, seconds=1)
    assert (await shorter.refresh(old)).status == 401
    new = await shorter.log_in(person)
    for client in (shorter, idle):
        answer = await client.get("/auth/sessions", **bearer(new))
        assert [one["current"] for one in (await answer.json())["sessions"]] == [True]


async def test_rotation_judges_a_session_by_the_settings_of_today_too(on_fakes: MakeOnFakes, today: Today) -> None:
    fakes = await on_fakes(tokens={"refresh_rotation": True})
    old = await fakes.client.log_in(await fakes.client.sign_up())
    _, shorter = await today(fakes, refresh_rotation=True, refresh_lifetime="1d")
    fakes.ambient.advance(days=1)
    assert (await shorter.refresh(old)).status == 401
    assert (await fakes.client.refresh(old)).status == 200


async def test_longer_settings_make_no_session_live_longer_than_it_was_promised(
    on_fakes: MakeOnFakes, today: Today
) -> None:
    fakes = await on_fakes(tokens={"refresh_lifetime": "1d"})
    old = await fakes.client.log_in(await fakes.client.sign_up())
    _, longer = await today(fakes)
    fakes.ambient.advance(days=1)
    assert (await longer.refresh(old)).status == 401


async def test_a_token_of_a_longer_setting_is_denied_to_its_end(on_fakes: MakeOnFakes, today: Today) -> None:
    fakes = await on_fakes(tokens={"id_lifetime": "24h"})
    old = await fakes.client.log_in(await fakes.client.sign_up())
    _, client = await today(fakes, id_lifetime="1h")
    assert (await client.log_out(old)).status == 200
    (denied,) = [one.denied_until for one in fakes.revocations.rows.values()]
    assert denied.timestamp() >= claims(old["idToken"])["exp"]
    fakes.ambient.advance(hours=23)
    assert (await client.get("/auth/verify", **bearer(old))).status == 401


async def test_a_token_of_a_longer_setting_verifies_to_its_end(on_fakes: MakeOnFakes, today: Today) -> None:
    fakes = await on_fakes(tokens={"id_lifetime": "24h"})
    old = await fakes.client.log_in(await fakes.client.sign_up())
    _, client = await today(fakes, id_lifetime="1h")
    assert (await client.get("/auth/verify", **bearer(old))).status == 204
    fakes.ambient.advance(hours=24, seconds=5)
    assert (await client.get("/auth/verify", **bearer(old))).status == 401


async def test_a_key_verifies_the_tokens_of_a_longer_setting_to_their_end(on_fakes: MakeOnFakes, today: Today) -> None:
    fakes = await on_fakes(tokens={"id_lifetime": "24h"})
    old = await fakes.client.log_in(await fakes.client.sign_up())
    application, client = await today(fakes, id_lifetime="1h")
    await application.key_rotation.rotate(at_once=True)
    fakes.ambient.advance(hours=23)
    await application.key_rotation.maintain()
    assert (await client.get("/auth/verify", **bearer(old))).status == 204


async def test_tokens_of_an_earlier_algorithm_verify_and_end(fakes: OnFakes, today: Today) -> None:
    old = await fakes.client.log_in(await fakes.client.sign_up())
    application, client = await today(fakes, algorithm="ES256")
    for _ in range(2):  # the key that was ready before the change, then one of the new kind
        await application.key_rotation.rotate(at_once=True)
    new = await client.log_in(await client.sign_up())
    assert len(new["idToken"].split(".")[2]) < len(old["idToken"].split(".")[2])
    assert (await client.get("/auth/verify", **bearer(old))).status == 204
    assert (await client.log_out(old)).status == 200
    assert (await client.get("/auth/verify", **bearer(old))).status == 401


async def test_a_lower_cap_ends_the_oldest_sessions_at_the_next_login(fakes: OnFakes, today: Today) -> None:
    person, held = await fakes.client.sign_up(), []
    for _ in range(4):
        held.append(await fakes.client.log_in(person))
        fakes.ambient.advance(seconds=1)
    _, client = await today(fakes, max_sessions=2)
    held.append(await client.log_in(person))
    assert [(await fakes.client.me(one)).status for one in held] == [401, 401, 401, 200, 200]


async def test_sessions_that_idled_out_do_not_push_a_live_one_over_the_cap(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"idle_lifetime": "1h", "max_sessions": 2})
    person = await fakes.client.sign_up()
    for _ in range(2):
        await fakes.client.log_in(person)
    fakes.ambient.advance(hours=1)
    live = await fakes.client.log_in(person)
    await fakes.client.log_in(person)
    assert (await fakes.client.refresh(live)).status == 200
    assert not fakes.revocations.rows


async def test_a_token_of_a_longer_setting_is_good_on_the_instances_that_have_it_not_yet(
    fakes: OnFakes, today: Today
) -> None:
    _, longer = await today(fakes, id_lifetime="2h", access_lifetime="2h")
    new = await longer.log_in(await longer.sign_up())
    assert (await fakes.client.get("/auth/verify", **bearer(new))).status == 204
    assert (await fakes.client.log_out(new)).status == 200


async def test_a_longer_leeway_makes_no_earlier_token_invalid(fakes: OnFakes, today: Today) -> None:
    old = await fakes.client.log_in(await fakes.client.sign_up())
    _, client = await today(fakes, id_lifetime="30m", access_lifetime="30m", leeway="60s")
    assert (await client.get("/auth/verify", **bearer(old))).status == 204


async def test_an_account_is_closed_with_the_session_that_closes_it_also_when_redis_has_forgotten_both(
    fakes: OnFakes,
) -> None:
    mine = await fakes.client.log_in(await fakes.client.sign_up())
    await fakes.redis.flushall()
    await fakes.application.revocation.restore()
    answer = await fakes.client.http.delete("/auth/me", headers=bearer(mine), json={"password": PASSWORD})
    assert answer.status == 204
    assert (await fakes.client.get("/auth/verify", **bearer(mine))).status == 401


async def test_a_password_stays_as_it_is_while_nobody_can_tell_what_was_ended(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    caller = await fakes.application.sessions.authenticate((await fakes.client.log_in(person))["idToken"])
    await fakes.redis.delete(EPOCH)
    with pytest.raises(UnavailableError):
        await fakes.application.accounts.change_password(caller, PASSWORD, NEW, NO_PROOF, Visitor("127.0.0.1"))
    await fakes.application.revocation.restore()
    await fakes.client.log_in(person)


async def test_made_up_api_keys_share_one_look_at_the_signing_keys(
    fakes: OnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await fakes.client.sign_up())["apiKey"]
    fakes.users.digests.clear()  # so that it is well-formed, and nobody's
    asked, read = [], fakes.application.backends.signing_keys.all

    async def counted() -> Sequence[StoredKey]:
        asked.append(1)
        return await read()

    monkeypatch.setattr(fakes.application.backends.signing_keys, "all", counted)
    answers = await asyncio.gather(*(fakes.client.get("/auth/me", **{"x-api-key": key}) for _ in range(50)))
    assert {answer.status for answer in answers} == {401}
    assert len(asked) == 1
