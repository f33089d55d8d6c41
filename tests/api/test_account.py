"""What members see and change: sessions, password, API key, export, the end of an account."""

from typing import Any

import pytest

from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support import builders
from tests.support.builders import PASSWORD

NEW = "EvenMoreSecure2?"


async def listed(client: Client, tokens: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get("/auth/sessions", **bearer(tokens))
    assert answer.status == 200
    return list((await answer.json())["sessions"])


async def delete(client: Client, path: str, tokens: dict[str, Any], body: object = None) -> Any:
    return await client.http.delete(path, headers=bearer(tokens), json=body)


async def test_sessions_are_listed_with_where_and_when_and_which_is_mine(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    login = {"email": person["email"], "password": person["password"]}
    first = await (await fakes.client.post("/auth/login", login, **{"User-Agent": "A browser/1.0 \u00fc"})).json()
    fakes.ambient.advance(minutes=5)
    second = await fakes.client.log_in(person)
    fakes.ambient.advance(minutes=5)
    await fakes.client.refresh(first)
    one, two = await listed(fakes.client, second)
    assert one == {
        "sessionId": one["sessionId"],
        "createdAt": "2026-11-24T12:00:00Z",
        "lastUsedAt": "2026-11-24T12:10:00Z",
        "ip": "127.0.0.0/24",
        "userAgent": "A browser/1.0 ",
        "current": False,
    }
    assert (two["current"], two["createdAt"]) == (True, "2026-11-24T12:05:00Z")


async def test_one_session_is_ended_and_the_others_go_on(client: Client) -> None:
    person = await client.sign_up()
    lost, kept = await client.log_in(person), await client.log_in(person)
    of_lost = next(one["sessionId"] for one in await listed(client, lost) if one["current"])
    assert (await delete(client, f"/auth/sessions/{of_lost}", kept)).status == 204
    assert (await client.me(lost)).status == 401
    assert (await client.refresh(lost)).status == 401
    assert [one["current"] for one in await listed(client, kept)] == [True]
    assert (await delete(client, f"/auth/sessions/{of_lost}", kept)).status == 404


async def test_nobody_ends_the_session_of_another(client: Client) -> None:
    ada, eve = await client.log_in(await client.sign_up()), await client.log_in(await client.sign_up())
    (hers,) = await listed(client, ada)
    for session_id in (hers["sessionId"], "x", "%2e%2e", "th:epoch"):
        answer = await delete(client, f"/auth/sessions/{session_id}", eve)
        assert (answer.status, problem(await answer.text())["code"]) == (404, "not_found")
    assert (await client.me(ada)).status == 200


async def test_all_other_sessions_are_ended_at_once(client: Client) -> None:
    person = await client.sign_up()
    others, kept = [await client.log_in(person) for _ in range(3)], await client.log_in(person)
    assert (await delete(client, "/auth/sessions", kept)).status == 204
    assert [(await client.me(one)).status for one in [*others, kept]] == [401, 401, 401, 200]
    assert (await client.refresh(kept)).status == 200


async def test_logging_out_everywhere_ends_this_session_too(client: Client) -> None:
    person = await client.sign_up()
    held = [await client.log_in(person) for _ in range(2)]
    assert (await delete(client, "/auth/sessions?everywhere=true", held[0])).status == 204
    assert [(await client.me(one)).status for one in held] == [401, 401]


async def test_an_idle_session_ends_before_its_absolute_end(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"idle_lifetime": "7d"})
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    for days in (6, 6, 6, 6, 5):
        fakes.ambient.advance(days=days)
        assert (await fakes.client.refresh(tokens)).status == 200
    fakes.ambient.advance(days=1)  # thirty in all
    assert (await fakes.client.refresh(tokens)).status == 401
    tokens = await fakes.client.log_in(person)
    fakes.ambient.advance(days=7)
    assert (await fakes.client.refresh(tokens)).status == 401


async def test_a_changed_password_ends_every_other_session(client: Client) -> None:
    person = await client.sign_up()
    other, mine = await client.log_in(person), await client.log_in(person)
    answer = await client.post("/auth/password", {"currentPassword": PASSWORD, "newPassword": NEW}, **bearer(mine))
    assert answer.status == 200
    assert (await answer.json()).keys() == {"message"}
    assert (await client.me(mine)).status == 200
    assert (await client.refresh(mine)).status == 200
    assert (await client.me(other)).status == 401
    assert (await client.refresh(other)).status == 401
    assert (await client.post("/auth/login", {"email": person["email"], "password": PASSWORD})).status == 401
    tokens = await client.log_in(person | {"password": NEW})
    assert tokens["apiKey"] == person["apiKey"]


async def test_a_password_is_changed_only_by_who_knows_it_and_only_to_a_good_one(client: Client) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    answer = await client.post("/auth/password", {"currentPassword": "Wrong1!x", "newPassword": NEW}, **bearer(tokens))
    said = problem(await answer.text())
    assert (answer.status, said["code"], said["detail"]) == (401, "invalid_credentials", "The password is wrong.")
    answer = await client.post("/auth/password", {"currentPassword": PASSWORD, "newPassword": "weak"}, **bearer(tokens))
    assert [one["field"] for one in problem(await answer.text())["errors"]] == ["newPassword"]
    await client.log_in(person)


async def test_guesses_at_the_current_password_are_limited_as_logins_are(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": []})
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    wrong = {"currentPassword": "Wrong1!x", "newPassword": NEW}
    codes = [(await fakes.client.post("/auth/password", wrong, **bearer(tokens))).status for _ in range(6)]
    assert codes == [401] * 5 + [429]


async def test_a_new_api_key_replaces_the_old_one_at_once(client: Client) -> None:
    person = await client.sign_up()
    tokens = await client.log_in(person)
    answer = await client.post("/auth/api-key", None, **bearer(tokens))
    assert answer.status == 200
    new = (await answer.json())["apiKey"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await client.get("/auth/me", **{"x-api-key": person["apiKey"]})).status == 401
    assert (await client.get("/auth/me", **{"x-api-key": new})).status == 200
    assert (await client.log_in(person))["apiKey"] == new


async def test_an_old_api_key_lives_on_for_the_overlap_and_no_longer(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(api_keys={"overlap": "1h"})
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    await fakes.client.post("/auth/api-key", None, **bearer(tokens))
    old = {"x-api-key": person["apiKey"]}
    fakes.ambient.advance(minutes=59)
    assert (await fakes.client.get("/auth/me", **old)).status == 200
    fakes.ambient.advance(minutes=1)
    assert (await fakes.client.get("/auth/me", **old)).status == 401


async def test_a_removed_account_is_gone_with_its_sessions_and_its_key(fakes: OnFakes) -> None:
    client = fakes.client
    person = await client.sign_up()
    tokens, other = await client.log_in(person), await client.log_in(person)
    refused = await delete(client, "/auth/me", tokens, {"password": "Wrong1!x"})
    said = problem(await refused.text())
    assert (refused.status, said["code"], said["detail"]) == (401, "invalid_credentials", "The password is wrong.")
    assert (await delete(client, "/auth/me", tokens, {"password": PASSWORD})).status == 204
    for held in (tokens, other):
        assert (await client.me(held)).status == 401
        assert (await client.refresh(held)).status == 401
    assert (await client.get("/auth/me", **{"x-api-key": person["apiKey"]})).status == 401
    assert (await client.post("/auth/login", {"email": person["email"], "password": PASSWORD})).status == 401
    assert not fakes.users.rows
    await client.sign_up(email=person["email"])


async def test_an_export_holds_what_is_stored_and_no_secret(client: Client) -> None:
    person = await client.sign_up(email="Ada@Example.com")
    gone, tokens = await client.log_in(person), await client.log_in(person)
    await client.log_out(gone)
    answer = await client.get("/auth/export", **bearer(tokens))
    text = await answer.text()
    said = await answer.json()
    assert (said["userId"], said["email"], said["canonicalEmail"]) == (
        person["userId"],
        "Ada@Example.com",
        "ada@example.com",
    )
    assert [one["current"] for one in said["sessions"]] == [True]
    assert len(said["endedSessions"]) == 1
    for secret in (person["apiKey"], PASSWORD, tokens["refreshToken"], "bcrypt"):
        assert secret not in text


@pytest.mark.parametrize(
    ("path", "method"),
    [("/auth/password", "POST"), ("/auth/me", "DELETE"), ("/auth/api-key", "POST"), ("/auth/export", "GET")],
)
async def test_an_api_key_changes_nothing(client: Client, path: str, method: str) -> None:
    person = await client.sign_up()
    answer = await client.http.request(
        method, path, headers={"x-api-key": person["apiKey"]}, json={"password": PASSWORD}
    )
    said = problem(await answer.text())
    assert (answer.status, said["code"]) == (401, "invalid_token")
    assert said["detail"].startswith("This call takes an id token alone")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_common_passwords_are_refused_where_the_settings_say_so(on_fakes: MakeOnFakes) -> None:
    strict = await on_fakes(passwords={"refuse_common": True})
    for fields in ({"password": "Password1!"}, {"email": "ada.lovelace@example.com", "password": "Ada.Lovelace1!"}):
        answer = await strict.client.post("/auth/signup", builders.sign_up_body(**fields))
        assert answer.status == 422
        (broken,) = problem(await answer.text())["errors"]
        assert (broken["field"], broken["code"]) == ("password", "common")
    person = await strict.client.sign_up()
    tokens = await strict.client.log_in(person)
    body = {"currentPassword": person["password"], "newPassword": "Password1!"}
    answer = await strict.client.post("/auth/password", body, **bearer(tokens))
    (broken,) = problem(await answer.text())["errors"]
    assert (answer.status, broken["field"]) == (422, "newPassword")


async def test_every_password_of_the_contract_is_taken_by_default(fakes: OnFakes) -> None:
    await fakes.client.log_in(await fakes.client.sign_up(password="Password1!"))


async def test_a_member_cannot_fill_the_audit_trail_with_new_api_keys(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "api_key_rotation": "3/1h"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    other = await fakes.client.log_in(await fakes.client.sign_up())
    for _ in range(3):
        assert (await fakes.client.post("/auth/api-key", {}, **bearer(tokens))).status == 200
    refused = await fakes.client.post("/auth/api-key", {}, **bearer(tokens))
    assert (refused.status, problem(await refused.text())["code"]) == (429, "rate_limited")
    assert refused.headers["RateLimit-Policy"] == '"api-key-rotation-user";q=3;w=3600'
    assert (await fakes.client.post("/auth/api-key", {}, **bearer(other))).status == 200


async def test_a_change_of_password_may_be_repeated_for_five_minutes_and_no_longer(fakes: OnFakes) -> None:
    """By a caller who got no answer, or an outage: the new password confirms what was changed already."""
    person = await fakes.client.sign_up()
    mine = await fakes.client.log_in(person)
    change = {"currentPassword": PASSWORD, "newPassword": NEW}
    fakes.ambient.advance(seconds=1)
    for minutes, status in ((0, 200), (4, 200), (2, 401)):
        fakes.ambient.advance(minutes=minutes)
        assert (await fakes.client.post("/auth/password", change, **bearer(mine))).status == status
    body = change | {"newPassword": "Another-3rd-One!"}
    assert (await fakes.client.post("/auth/password", body, **bearer(mine))).status == 401


async def test_a_wrong_current_password_counts_once_also_right_after_a_change(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(throttle={"exempt": [], "login_account_source": "5/5m"})
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    body = {"currentPassword": person["password"], "newPassword": "Another-Pass2!"}
    assert (await fakes.client.post("/auth/password", body, **bearer(tokens))).status == 200
    wrong = {"currentPassword": "Wrong-Pass1!", "newPassword": "Yet-Another-Pass3!"}
    statuses = [(await fakes.client.post("/auth/password", wrong, **bearer(tokens))).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
