"""What operators' programs do to accounts: each write names its actor, tells the user, and touches no secret."""

import json
from dataclasses import fields
from typing import Any
from uuid import UUID

import pytest

from service.admin.routes import ADMIN_OPERATIONS
from service.domain.accounts.groups import MOST, fit
from service.domain.events.security_events import Event, Name
from service.domain.models import User
from service.domain.passwords.engine import Job, Match
from service.domain.passwords.hash_queue import Slot
from tests.admin.conftest import MakeProgram, Program
from tests.conftest import bearer, problem
from tests.support import second_factors as second
from tests.support.builders import PASSWORD
from tests.support.postbox import Postbox, prove, token_of

NEW = {"email": "New@Example.com", "firstName": "Ada", "lastName": "Lovelace"}
BY_TOKEN = "token:ci"


async def member(program: Program, **facts: object) -> dict[str, Any]:
    """Somebody whose address is proved, with no mail on its way."""
    person = await program.fakes.client.sign_up(**facts)
    prove(program.fakes.users, person)
    await program.notices()
    return person


def row(program: Program, user_id: str) -> User:
    return program.fakes.users.rows[UUID(user_id)]


async def since(program: Program, count: int) -> list[tuple[str, str, str]]:
    """Name, reason and operator of the events after so many."""
    return [
        (one.event.name.value, str(one.event.reason), one.event.operator) for one in (await program.entries())[count:]
    ]


# --- reading


async def test_users_are_listed_by_the_beginning_of_their_address_page_by_page(program: Program) -> None:
    for number in range(5):
        await program.fakes.client.sign_up(email=f"eve{number}@example.com")
    await program.fakes.client.sign_up(email="bob@example.com")
    found, after = [], ""
    for size in (2, 2, 1):
        page = await program.said("GET", f"/admin/users?email=%20EVE&limit=2{after}")
        assert len(page["users"]) == size
        found += [one["email"] for one in page["users"]]
        after = f"&after={page.get('next')}"
    assert found == [f"eve{number}@example.com" for number in range(5)]
    assert "next" not in page
    assert len((await program.said("GET", "/admin/users"))["users"]) == 6
    assert (await program.said("GET", "/admin/users?email=nobody"))["users"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=%D9%A3",
        "limit=x",
        "limit=1&limit=2",
        "after=x",
        "after=%C3%A4",
        "after=AA%3D%3D",
        "after=4pyT",
        "email=" + "a" * 255,
    ],
)
async def test_a_query_that_means_nothing_is_refused(program: Program, query: str) -> None:
    answer = await program.call("GET", f"/admin/users?{query}")
    assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")


async def test_a_user_is_shown_without_a_secret(program: Program) -> None:
    person = await member(program)
    tokens = await program.fakes.client.log_in(person)
    await second.enrol(program.fakes.client, person, tokens, program.fakes.ambient.now())
    held = row(program, person["userId"])
    shown = [
        await (await program.call("GET", f"/admin/users/{person['userId']}{part}")).text() for part in ("", "/sessions")
    ]
    shown += [
        await (await program.call("GET", path)).text() for path in ("/admin/users", "/admin/keys", "/admin/audit")
    ]
    assert json.loads(shown[0])["secondFactorSince"]
    secrets = [held.password_hash, person["apiKey"], tokens["refreshToken"], tokens["idToken"], program.text]
    secrets += [key.sealed_private_jwk.hex() for key, _ in await program.fakes.application.oversight.keys()]
    for text in shown:
        assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    "operation", [one for one in ADMIN_OPERATIONS if "{userId}" in one.path], ids=lambda one: f"{one.method} {one.path}"
)
@pytest.mark.parametrize("user_id", ["00000000-0000-4000-8000-000000000000", "x", "%00", "..%2Fkeys"])
async def test_an_id_that_no_account_has_is_not_found(program: Program, operation: Any, user_id: str) -> None:
    path = operation.path.replace("{userId}", user_id).replace("{sessionId}", "x")
    body = {"firstName": "Eve"} if operation.method == "PATCH" else None
    answer = await program.call(operation.method, path, body)
    assert (answer.status, problem(await answer.text())["code"]) == (404, "not_found")


# --- opening accounts


async def test_an_account_that_is_opened_with_a_password_can_be_logged_in_to(program: Program) -> None:
    user = await program.said("POST", "/admin/users", NEW | {"password": PASSWORD}, 201)
    assert (user["email"], user["canonicalEmail"], user["hasPassword"]) == ("New@Example.com", "new@example.com", True)
    assert "apiKey" not in user
    tokens = await program.fakes.client.log_in({"email": NEW["email"], "password": PASSWORD})
    assert tokens["apiKey"].startswith("ak_")
    assert ("user_created", "by_operator", BY_TOKEN) in await since(program, 0)
    (letter,) = await Postbox(program.fakes.application).collect()
    assert letter.template == "verify"


async def test_an_address_that_is_known_to_be_the_user_s_is_proved_and_told_of(program: Program) -> None:
    user = await program.said("POST", "/admin/users", NEW | {"password": PASSWORD, "emailVerified": True}, 201)
    assert row(program, user["userId"]).email_verified_at == program.fakes.ambient.now()
    assert await program.notices() == ["by_operator"]


async def test_who_is_invited_sets_a_password_by_the_mail_and_no_password_is_right_before(program: Program) -> None:
    user = await program.said("POST", "/admin/users", NEW | {"invite": True}, 201)
    assert (user["hasPassword"], row(program, user["userId"]).password_hash) == (False, "")
    for password in ("", PASSWORD):
        answer = await program.fakes.client.post("/auth/login", {"email": NEW["email"], "password": password})
        assert answer.status in (401, 422)
    letter = await Postbox(program.fakes.application).one()
    assert (letter.template, letter.recipient) == ("reset", "New@Example.com")
    body = {"token": token_of(letter), "newPassword": PASSWORD}
    assert (await program.fakes.client.post("/auth/reset", body)).status == 200
    assert await program.fakes.client.log_in({"email": NEW["email"], "password": PASSWORD})
    assert row(program, user["userId"]).email_verified_at
    assert ("user_updated", "reset_sent", BY_TOKEN) in await since(program, 0)


async def test_a_login_to_an_account_without_a_password_takes_one_hash_as_an_unknown_one_does(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    await program.said("POST", "/admin/users", NEW | {"invite": True}, 201)
    jobs, run = [], Slot.run

    async def recorded(slot: Slot, job: Job) -> Match:
        jobs.append(job)
        return await run(slot, job)

    monkeypatch.setattr(Slot, "run", recorded)
    bodies = [{"email": email, "password": PASSWORD} for email in ("nobody@example.com", NEW["email"])]
    answers = [await program.fakes.client.post("/auth/login", body) for body in bodies]
    said = [problem(await one.text()) | {"requestId": ""} for one in answers]
    assert (answers[0].status, said[0]) == (answers[1].status, said[1])
    assert [job.stored == "" for job in jobs] == [False, True]  # which costs a decoy: tests/domain/test_passwords.py


async def test_an_address_has_one_account(program: Program) -> None:
    person = await program.fakes.client.sign_up(email="new@example.com")
    before = dict(program.fakes.users.rows)
    answer = await program.call("POST", "/admin/users", NEW | {"password": PASSWORD})
    assert (answer.status, problem(await answer.text())["code"]) == (409, "email_taken")
    assert program.fakes.users.rows == before
    assert person


@pytest.mark.parametrize(
    "broken", [{"email": "x"}, {"firstName": " "}, {"password": "short"}, {"emailVerified": "yes"}, {"invite": 1}]
)
async def test_the_rules_of_a_sign_up_hold(program: Program, broken: dict[str, object]) -> None:
    answer = await program.call("POST", "/admin/users", NEW | broken)
    assert (answer.status, problem(await answer.text())["code"]) == (422, "invalid_fields")
    assert program.fakes.users.rows == {}


async def test_without_mail_nobody_is_invited_and_nothing_is_changed(make_program: MakeProgram) -> None:
    program = await make_program(mail={"url": "", "sender": ""})
    answer = await program.call("POST", "/admin/users", NEW | {"invite": True})
    assert (answer.status, problem(await answer.text())["code"]) == (501, "not_configured")
    assert program.fakes.users.rows == {}
    person = await program.fakes.client.sign_up()
    assert (await program.call("POST", f"/admin/users/{person['userId']}/reset")).status == 501


async def test_a_full_password_queue_and_a_common_password_are_refused(make_program: MakeProgram) -> None:
    program = await make_program(passwords={"refuse_common": True})
    answer = await program.call("POST", "/admin/users", NEW | {"password": "Password1!"})
    assert problem(await answer.text())["errors"][0]["code"] == "common"


# --- changes


@pytest.mark.parametrize("name", ["email", "password", "passwordHash", "emailVerified", "invite", "id", "groups"])
async def test_what_an_account_is_opened_with_is_no_change_of_one(program: Program, name: str) -> None:
    person = await member(program)
    before = row(program, person["userId"])
    whole = NEW | {
        "password": PASSWORD,
        "passwordHash": "",
        "emailVerified": False,
        "invite": True,
        "id": "",
        "groups": [],
    }
    answer = await program.call("PATCH", f"/admin/users/{person['userId']}", {name: whole[name]})
    assert answer.status == 422
    assert row(program, person["userId"]) == before


async def test_a_change_changes_what_it_names_alone(program: Program) -> None:
    person = await member(program)
    before = row(program, person["userId"])
    body = {"firstName": " Augusta ", "addGroups": ["staff", "dev", "staff"], "removeGroups": ["dev", "none"]}
    said = await program.said("PATCH", f"/admin/users/{person['userId']}", body)
    assert (said["firstName"], said["lastName"], said["groups"]) == ("Augusta", "Lovelace", ["staff"])
    after = row(program, person["userId"])
    changed = {one.name for one in fields(User) if getattr(after, one.name) != getattr(before, one.name)}
    assert changed == {"first_name", "groups"}
    assert await since(program, -2) == [
        ("user_updated", "names_changed", BY_TOKEN),
        ("user_updated", "groups_changed", BY_TOKEN),
    ]
    assert await program.notices() == ["by_operator"]
    assert await program.said("PATCH", f"/admin/users/{person['userId']}", {"addGroups": ["staff"]}) == said
    assert await program.notices() == []


async def test_an_account_has_so_many_groups_at_most(program: Program) -> None:
    person = await member(program)
    path = f"/admin/users/{person['userId']}"
    await program.said("PATCH", path, {"addGroups": [f"g{number}" for number in range(MOST)]})
    before = row(program, person["userId"])
    answer = await program.call("PATCH", path, {"firstName": "Eve", "addGroups": ["another"]})
    assert (answer.status, problem(await answer.text())["code"]) == (409, "too_many")
    assert row(program, person["userId"]) == before
    for wrong in (["a b"], ["x" * 65], [""], [1], "staff", [f"h{number}" for number in range(MOST + 1)]):
        assert (await program.call("PATCH", path, {"addGroups": wrong})).status == 422


async def test_groups_never_outgrow_what_verifiers_take(program: Program) -> None:
    many = [f"{number:02}{'g' * 62}" for number in range(40)]
    most = [many[:number] for number in range(len(many)) if fit(many[:number])][-1]
    wanted = {"email": "ada@example.com", "firstName": "A", "lastName": "L", "password": PASSWORD}
    refused = await program.call("POST", "/admin/users", {**wanted, "groups": many})
    assert (refused.status, problem(await refused.text())["errors"][0]["field"]) == (422, "groups")
    made = await program.said("POST", "/admin/users", {**wanted, "groups": most}, status=201)
    path = f"/admin/users/{made['userId']}"
    more = await program.call("PATCH", path, {"addGroups": [many[-1]]})
    assert (more.status, problem(await more.text())["code"]) == (409, "too_many")
    await program.said("PATCH", path, {"addGroups": [many[-1]], "removeGroups": [many[0]]})


# --- states


async def test_a_disabled_account_is_closed_at_once_and_open_again_when_enabled(program: Program) -> None:
    person = await member(program)
    tokens = await program.fakes.client.log_in(person)
    await program.said("POST", f"/admin/users/{person['userId']}/disable", status=204)
    assert (await program.fakes.client.me(tokens)).status == 401
    assert (
        await program.fakes.client.post("/auth/login", {"email": person["email"], "password": PASSWORD})
    ).status == 401
    assert (await program.said("GET", f"/admin/users/{person['userId']}"))["disabledAt"]
    assert [one for one in await since(program, 0) if one[2]] == [
        ("user_updated", "disabled", BY_TOKEN),
        ("session_expired", "account_disabled", BY_TOKEN),
    ]
    await program.said("POST", f"/admin/users/{person['userId']}/enable", status=204)
    assert await program.fakes.client.log_in(person)
    assert ("user_updated", "enabled", BY_TOKEN) in await since(program, 0)
    assert await program.notices() == ["by_operator"] * 2


async def test_the_actor_of_one_call_is_not_that_of_the_next_on_the_same_connection(program: Program) -> None:
    person = await member(program)
    await program.said("POST", f"/admin/users/{person['userId']}/enable", status=204)
    await program.fakes.client.log_in(person)
    assert (await since(program, 0))[-2:] == [("user_updated", "enabled", BY_TOKEN), ("authn_login_success", "", "")]


async def test_the_actor_is_named_inside_of_what_it_does_alone(program: Program) -> None:
    person = await member(program)
    await program.fakes.application.administration.enable(UUID(person["userId"]), "operator:ada@bastion")
    assert (await since(program, -1)) == [("user_updated", "enabled", "operator:ada@bastion")]
    assert Event(Name.USER_UPDATED).operator == ""


async def test_a_mail_to_set_another_password_changes_nothing_before_it_is_answered(program: Program) -> None:
    person = await member(program)
    before = row(program, person["userId"])
    await program.said("POST", f"/admin/users/{person['userId']}/reset", status=204)
    letter = await Postbox(program.fakes.application).one()
    assert (letter.template, letter.recipient) == ("reset", person["email"])
    assert row(program, person["userId"]) == before
    assert await program.fakes.client.log_in(person)
    assert ("user_updated", "reset_sent", BY_TOKEN) in await since(program, 0)


async def test_the_factors_of_somebody_who_is_locked_out_are_removed(program: Program) -> None:
    person = await member(program)
    tokens = await program.fakes.client.log_in(person)
    await second.enrol(program.fakes.client, person, tokens, program.fakes.ambient.now())
    await program.notices()
    for told in (["by_operator"], []):
        await program.said("DELETE", f"/admin/users/{person['userId']}/factors", status=204)
        assert await program.notices() == told
    assert (await program.fakes.client.me(tokens)).status == 401
    assert await program.fakes.client.log_in(person)
    assert ("user_updated", "factor_removed", BY_TOKEN) in await since(program, 0)


async def test_a_deleted_account_is_gone_with_its_sessions_and_its_user_is_told(program: Program) -> None:
    person, other = await member(program), await member(program)
    tokens = await program.fakes.client.log_in(person)
    await program.said("DELETE", f"/admin/users/{person['userId']}", status=204)
    assert (await program.call("GET", f"/admin/users/{person['userId']}")).status == 404
    assert (await program.fakes.client.me(tokens)).status == 401
    assert (await program.fakes.client.get("/auth/me", **{"x-api-key": person["apiKey"]})).status == 401
    ended = [("user_deleted", "by_operator", BY_TOKEN), ("session_expired", "by_operator", BY_TOKEN)]
    assert [one for one in await since(program, 0) if one[1] == "by_operator"] == ended
    assert await program.notices() == ["account_closed"]
    assert await program.fakes.client.log_in(other)


# --- sessions


async def test_sessions_are_listed_and_ended_one_by_one(program: Program) -> None:
    person, other = await member(program), await member(program)
    one, two = [await program.fakes.client.log_in(person) for _ in range(2)]
    theirs = await program.fakes.client.log_in(other)
    path = f"/admin/users/{person['userId']}/sessions"
    held = (await program.said("GET", path))["sessions"]
    assert len(held) == 2
    mine = (await (await program.fakes.client.get("/auth/sessions", **bearer(one))).json())["sessions"]
    assert [item["sessionId"] for item in held] == [item["sessionId"] for item in mine]
    first = next(item["sessionId"] for item in mine if item["current"])
    await program.said("DELETE", f"{path}/{first}", status=204)
    assert [(await program.fakes.client.me(tokens)).status for tokens in (one, two, theirs)] == [401, 200, 200]
    assert (await since(program, -1)) == [("session_expired", "by_operator", BY_TOKEN)]
    assert await program.notices() == ["by_operator"]
    foreign = (await program.said("GET", f"/admin/users/{other['userId']}/sessions"))["sessions"][0]["sessionId"]
    for wrong in (foreign, "x", "%00"):
        answer = await program.call("DELETE", f"{path}/{wrong}")
        assert (answer.status, problem(await answer.text())["code"]) == (404, "not_found")
    assert (await program.fakes.client.me(theirs)).status == 200


async def test_all_sessions_of_one_user_end(program: Program) -> None:
    person, other = await member(program), await member(program)
    tokens = [await program.fakes.client.log_in(one) for one in (person, person, other)]
    path = f"/admin/users/{person['userId']}/sessions"
    assert await program.said("DELETE", path) == {"sessions": 2}
    assert [(await program.fakes.client.me(one)).status for one in tokens] == [401, 401, 200]
    assert await program.said("GET", path) == {"sessions": []}
    assert await program.notices() == ["by_operator"]


@pytest.mark.parametrize("body", [{}, {"confirm": ""}, {"confirm": "Everybody"}, {"confirm": True}, {"confirm": None}])
async def test_everybody_s_sessions_end_only_for_who_says_so(program: Program, body: dict[str, object]) -> None:
    tokens = await program.fakes.client.log_in(await member(program))
    assert (await program.call("POST", "/admin/sessions/end-all", body)).status == 422
    assert (await program.fakes.client.me(tokens)).status == 200
    said = await program.said("POST", "/admin/sessions/end-all", {"confirm": "everybody"})
    assert said["sessions"] == 1
    assert said["keys"] >= 1
    assert (await program.fakes.client.me(tokens)).status == 401
    assert (await program.fakes.client.refresh(tokens)).status == 401
    assert ("session_expired", "everybody", BY_TOKEN) in await since(program, 0)
    assert (await program.call("GET", "/admin/users")).status == 200  # no session of anybody
