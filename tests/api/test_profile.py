"""What members change of their profile, and what they may ask for besides the contract's members."""

from dataclasses import replace
from uuid import UUID

import pytest

from service.domain.accounts.groups import AccountGroups
from service.domain.events.security_events import Event
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.builders import NOON, claims_of

CONTRACT = {"userId", "email", "firstName", "lastName", "createdAt"}


async def test_a_new_name_is_answered_stored_and_in_the_next_tokens(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    events: list[Event] = []
    fakes.application.events.add(events.append)
    answer = await fakes.client.http.patch("/auth/me", json={"firstName": " Augusta "}, headers=bearer(tokens))
    assert answer.status == 200
    profile = await answer.json()
    assert profile.keys() == CONTRACT
    assert (profile["firstName"], profile["lastName"]) == ("Augusta", person["lastName"])
    assert await (await fakes.client.me(tokens)).json() == profile
    assert [(one.name.value, one.reason) for one in events] == [("user_updated", "names_changed")]
    assert claims_of(tokens["idToken"])["given_name"] == person["firstName"]
    renewed = await (await fakes.client.refresh(tokens)).json()
    assert claims_of(renewed["idToken"])["given_name"] == "Augusta"
    assert (await fakes.client.log_in(person))["firstName"] == "Augusta"


async def test_both_names_change_at_once(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    names = {"firstName": "Grace", "lastName": "Hopper"}
    answer = await fakes.client.http.patch("/auth/me", json=names, headers=bearer(tokens))
    assert names.items() <= (await answer.json()).items()


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ({}, ("firstName", "missing")),
        ({"firstName": None}, ("firstName", "missing")),
        ({"firstName": ""}, ("firstName", "blank")),
        ({"lastName": "a\u202eb"}, ("lastName", "invisible_character")),
        ({"firstName": 7}, ("firstName", "wrong_type")),
        ({"firstName": "Ada", "email": "root@example.com"}, ("email", "unknown_member")),
        ({"firstName": "Ada", "emailVerified": True}, ("emailVerified", "unknown_member")),
        ({"firstName": "Ada", "x" * 64: True}, ("x" * 64, "unknown_member")),
        ({"firstName": "Ada", "x" * 65: True}, ("", "unknown_member")),
        ({"firstName": "Ada", "<b>": True}, ("", "unknown_member")),
        ({"firstName": "Ada", "email\n": True}, ("", "unknown_member")),
        ({"firstName": "Ada", "\u0435mail": True}, ("", "unknown_member")),
    ],
)
async def test_what_is_not_understood_changes_nothing(
    client: Client, body: dict[str, object], broken: tuple[str, str]
) -> None:
    tokens = await client.log_in(await client.sign_up())
    before = await (await client.me(tokens)).json()
    answer = await client.http.patch("/auth/me", json=body, headers=bearer(tokens))
    assert answer.status == 422
    assert [(one["field"], one["code"]) for one in problem(await answer.text())["errors"]] == [broken]
    assert await (await client.me(tokens)).json() == before


async def test_an_api_key_changes_no_name(client: Client) -> None:
    person = await client.sign_up()
    answer = await client.http.patch("/auth/me", json={"firstName": "x"}, headers={"x-api-key": person["apiKey"]})
    assert answer.status == 401


async def test_a_disabled_account_changes_no_name(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    row = fakes.users.rows[UUID(person["userId"])]
    fakes.users.rows[row.id] = replace(row, disabled_at=NOON)  # so late that its token was not revoked yet
    answer = await fakes.client.http.patch("/auth/me", json={"firstName": "x"}, headers=bearer(tokens))
    assert answer.status == 401
    assert fakes.users.rows[row.id].first_name == row.first_name


async def test_changes_are_limited_by_user(on_fakes: MakeOnFakes) -> None:
    client = (await on_fakes(throttle={"exempt": [], "profile_change": "1/1h"})).client
    person, other = await client.sign_up(), await client.sign_up()
    statuses = []
    for who in (person, person, other):
        tokens = await client.log_in(who)
        answer = await client.http.patch("/auth/me", json={"firstName": "Ada"}, headers=bearer(tokens))
        statuses.append(answer.status)
    assert statuses == [200, 429, 200]


async def test_the_methods_of_the_profile_are_told_where_a_method_is_wrong(on_fakes: MakeOnFakes) -> None:
    client = (await on_fakes(server={"cors_origins": ["https://app.example.com"]})).client
    answer = await client.http.put("/auth/me")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH")
    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PATCH"}
    allowed = await client.http.options("/auth/me", headers=preflight)
    assert (allowed.status, allowed.headers["Access-Control-Allow-Methods"]) == (204, "DELETE, GET, HEAD, PATCH")


# --- ?include=


@pytest.mark.parametrize(
    "query", ["include=emailVerified", "include=%20emailVerified,", "x&include=emailVerified&include="]
)
async def test_what_is_included_is_there_and_nothing_else(fakes: OnFakes, query: str) -> None:
    person = await fakes.client.sign_up()
    credentials = [bearer(await fakes.client.log_in(person)), {"x-api-key": person["apiKey"]}]
    for headers in credentials:
        said = await (await fakes.client.get(f"/auth/me?{query}", **headers)).json()
        assert said.keys() == CONTRACT | {"emailVerified"}
        assert said["emailVerified"] is False
    row = fakes.users.rows[UUID(person["userId"])]
    fakes.users.rows[row.id] = replace(row, email_verified_at=NOON)
    for headers in credentials:
        assert (await (await fakes.client.get(f"/auth/me?{query}", **headers)).json())["emailVerified"] is True


@pytest.mark.parametrize(
    "query", ["", "?", "?include=", "?include", "?_=1", "?Include=emailVerified", "?a&a=%ff", "?" + "x&" * 40]
)
async def test_without_it_the_answer_has_exactly_the_contract_s_members(client: Client, query: str) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.get(f"/auth/me{query}", **bearer(tokens))
    assert answer.status == 200
    assert (await answer.json()).keys() == CONTRACT


@pytest.mark.parametrize(
    "query", ["include=passwordHash", "include=emailVerified,SECRETMARKER", "include=emailverified", "include=%ff"]
)
async def test_what_cannot_be_included_is_refused(client: Client, query: str) -> None:
    tokens = await client.log_in(await client.sign_up())
    answer = await client.get(f"/auth/me?{query}", **bearer(tokens))
    text = await answer.text()
    assert answer.status == 422
    assert [(one["field"], one["code"]) for one in problem(text)["errors"]] == [("include", "unknown_value")]
    assert "SECRETMARKER" not in text


async def test_the_export_says_whether_the_address_is_proved_and_the_groups(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    said = await (await fakes.client.get("/auth/export", **bearer(tokens))).json()
    assert (said["emailVerified"], said["groups"]) == (False, [])
    await fakes.application.groups.change(person["email"], ["staff", "admins"], [])
    said = await (await fakes.client.get("/auth/export", **bearer(tokens))).json()
    assert said["groups"] == ["admins", "staff"]


# --- groups


async def test_groups_are_in_both_tokens_from_the_next_refresh_or_login_on(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    before = await fakes.client.log_in(person)
    await fakes.application.groups.change(person["email"].upper(), ["staff", "admins"], ["nobody"])
    after = [await (await fakes.client.refresh(before)).json(), await fakes.client.log_in(person)]
    for tokens in after:
        for name in ("idToken", "accessToken"):
            assert claims_of(tokens[name])["cognito:groups"] == ["admins", "staff"]
    for name in ("idToken", "accessToken"):
        assert "cognito:groups" not in claims_of(before[name])
    await fakes.application.groups.change(person["email"], [], ["staff", "admins"])
    assert "cognito:groups" not in claims_of((await fakes.client.log_in(person))["idToken"])


async def test_a_change_of_groups_is_an_event_and_a_look_is_none(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    events: list[Event] = []
    fakes.application.events.add(events.append)
    assert await fakes.application.groups.change(person["email"], [], []) == AccountGroups((), address_is_proved=False)
    assert events == []
    await fakes.application.groups.change(person["email"], ["staff"], [])
    assert [(one.name.value, one.reason, str(one.user_id)) for one in events] == [
        ("user_updated", "groups_changed", person["userId"])
    ]
    assert await fakes.application.groups.change("nobody@example.com", ["staff"], []) is None
