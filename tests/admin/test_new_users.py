"""Accounts that operators' programs open: with a password, a hash of one, an invitation, or nothing of them."""

from typing import Any
from uuid import UUID

import pytest

from service.domain.administration.new_users import NewUsers
from service.domain.models import User
from service.domain.srp.verifiers import Verifiers
from tests.admin.conftest import MakeProgram, Program
from tests.conftest import problem
from tests.support import foreign_vectors as foreign
from tests.support.builders import PASSWORD, claims_of
from tests.support.postbox import Postbox

NEW: dict[str, Any] = {"email": "New@Example.com", "firstName": "Ada", "lastName": "Lovelace"}
ID = "0b7fd3a1-93a5-4a3c-9b1e-6a0c8f0f1f5e"
ARGON2 = foreign.ARGON2["argon2id"]


def row(program: Program, user_id: str) -> User:
    return program.fakes.users.rows[UUID(user_id)]


async def refused(program: Program, body: dict[str, Any], method: str = "POST", path: str = "/admin/users") -> Any:
    answer = await program.call(method, path, body)
    said = problem(await answer.text())
    assert (answer.status, said["code"]) == (422, "invalid_fields")
    (one,) = said["errors"]
    return one


@pytest.mark.parametrize("more", [{}, {"password": PASSWORD}, {"passwordHash": ARGON2}, {"invite": True}])
async def test_an_account_keeps_the_id_that_it_has_elsewhere(program: Program, more: dict[str, Any]) -> None:
    user = await program.said("POST", "/admin/users", NEW | more | {"id": ID.upper()}, 201)
    assert user["userId"] == ID
    assert row(program, ID).canonical_email == "new@example.com"
    again = await program.call("POST", "/admin/users", NEW | {"id": ID, "email": "other@example.com"})
    assert (again.status, problem(await again.text())["code"]) == (409, "id_taken")
    assert len(program.fakes.users.rows) == 1


async def test_who_asks_again_after_a_lost_answer_hears_that_the_address_is_taken(program: Program) -> None:
    body = NEW | {"id": ID, "password": PASSWORD}
    await program.said("POST", "/admin/users", body, 201)
    before = dict(program.fakes.users.rows)
    for again in (body, NEW, body | {"firstName": "Eve"}):
        answer = await program.call("POST", "/admin/users", again)
        text = await answer.text()
        assert (answer.status, problem(text)["code"]) == (409, "email_taken")
        assert ID not in text
    assert program.fakes.users.rows == before


@pytest.mark.parametrize(
    "wrong",
    ["", "7", ID[:-1], ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", "00000000-0000-0000-0000-000000000000", 7],
)
async def test_an_id_is_a_uuid_and_nothing_comes_before_all(program: Program, wrong: object) -> None:
    assert (await refused(program, NEW | {"id": wrong}))["code"] in ("invalid_id", "wrong_type")
    assert program.fakes.users.rows == {}


async def test_a_foreign_hash_is_taken_and_becomes_ours_at_the_first_right_password(program: Program) -> None:
    user = await program.said("POST", "/admin/users", NEW | {"passwordHash": ARGON2}, 201)
    assert (user["hasPassword"], row(program, user["userId"]).password_hash) == (True, ARGON2)
    client = program.fakes.client
    wrong = await client.post("/auth/login", {"email": NEW["email"], "password": foreign.PASSWORD + "x"})
    assert wrong.status == 401
    assert row(program, user["userId"]).password_hash == ARGON2
    assert await client.log_in({"email": NEW["email"], "password": foreign.PASSWORD})
    assert row(program, user["userId"]).password_hash.startswith("$bcrypt-sha256$")
    assert await client.log_in({"email": NEW["email"], "password": foreign.PASSWORD})


async def test_a_hash_of_this_service_is_taken_as_it_is(program: Program) -> None:
    person = await program.fakes.client.sign_up()
    own = row(program, person["userId"]).password_hash
    user = await program.said("POST", "/admin/users", NEW | {"passwordHash": own}, 201)
    assert row(program, user["userId"]).password_hash == own
    assert await program.fakes.client.log_in({"email": NEW["email"], "password": person["password"]})


SECRET = "c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ("$2b$31$" + "a" * 53, "4 to 15"),
        (f"$pbkdf2-sha256$i=1000000000${SECRET}${SECRET * 2}", "2000000"),
        (f"$argon2id$v=19$m=4194304,t=1,p=1${SECRET}${SECRET * 2}", "262144"),
        (f"$scrypt$ln=20,r=8,p=1${SECRET}${SECRET * 2}", "17"),
        (f"$md5$i=1${SECRET}${SECRET * 2}", "md5"),
        (PASSWORD, "PHC"),
        ("", "PHC"),
        ("$2b$04$" + "a" * 53 + "\0", "PHC"),
        ("x" * 10_000, "PHC"),
    ],
)
async def test_a_hash_that_cannot_be_checked_or_costs_too_much_is_refused_and_the_cap_is_named(
    program: Program, stored: str, named: str
) -> None:
    one = await refused(program, NEW | {"passwordHash": stored})
    assert (one["field"], one["code"]) == ("passwordHash", "invalid_hash")
    assert named in one["message"]
    assert SECRET not in one["message"]
    assert program.fakes.users.rows == {}


@pytest.mark.parametrize(
    "both",
    [
        {"password": PASSWORD, "passwordHash": ARGON2},
        {"password": PASSWORD, "invite": True},
        {"passwordHash": ARGON2, "invite": True},
    ],
)
async def test_an_account_is_opened_with_one_of_the_three_at_the_most(program: Program, both: dict[str, Any]) -> None:
    assert (await refused(program, NEW | both))["code"] == "conflicting"
    assert program.fakes.users.rows == {}
    assert await Postbox(program.fakes.application).collect() == []


async def test_what_is_null_or_false_is_as_if_it_were_not_sent(program: Program) -> None:
    body = NEW | {"password": PASSWORD, "passwordHash": None, "invite": False, "id": None}
    assert (await program.said("POST", "/admin/users", body, 201))["hasPassword"]


async def test_without_any_of_the_three_no_password_is_right_until_one_is_set_by_a_mail(program: Program) -> None:
    user = await program.said("POST", "/admin/users", NEW, 201)
    assert not user["hasPassword"]
    (letter,) = await Postbox(program.fakes.application).collect()
    assert letter.template == "verify"
    await program.said("POST", f"/admin/users/{user['userId']}/reset", status=204)
    assert (await Postbox(program.fakes.application).one()).template == "reset"


async def test_groups_and_claims_are_there_from_the_beginning_and_in_the_first_token(make_program: MakeProgram) -> None:
    program = await make_program(tokens={"claims": ["plan"]})
    body = NEW | {"password": PASSWORD, "groups": ["staff", "dev", "staff"], "claims": {"plan": "team", "tier": [1]}}
    user = await program.said("POST", "/admin/users", body, 201)
    assert (user["groups"], user["claims"]) == (["dev", "staff"], {"plan": "team", "tier": [1]})
    tokens = await program.fakes.client.log_in({"email": NEW["email"], "password": PASSWORD})
    carried = claims_of(tokens["idToken"])
    assert (carried["plan"], carried["cognito:groups"], "tier" in carried) == ("team", ["dev", "staff"], False)


# --- claims


async def test_a_change_of_claims_leaves_the_others_and_null_removes_one(make_program: MakeProgram) -> None:
    program = await make_program(tokens={"claims": ["plan"]})
    person = await program.fakes.client.sign_up()
    path = f"/admin/users/{person['userId']}"
    assert (await program.said("GET", path))["claims"] == {}
    said = await program.said("PATCH", path, {"claims": {"plan": "team", "tier": 3}})
    assert said["claims"] == {"plan": "team", "tier": 3}
    assert claims_of((await program.fakes.client.log_in(person))["idToken"])["plan"] == "team"
    said = await program.said("PATCH", path, {"claims": {"plan": None, "tier": {"of": 4}, "never": None}})
    assert said["claims"] == (await program.said("GET", path))["claims"] == {"tier": {"of": 4}}
    assert "plan" not in claims_of((await program.fakes.client.log_in(person))["idToken"])
    changes = [one.event for one in await program.entries() if one.event.reason == "claims_changed"]
    assert [one.operator for one in changes] == ["token:ci"] * 2
    await program.said("PATCH", path, {"claims": {"tier": {"of": 4}}})
    assert len([one for one in await program.entries() if one.event.reason == "claims_changed"]) == 2


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "eve"},
        {"email": "eve@example.com"},
        {"cognito:groups": ["admins"]},
        {"token_use": "access"},
        {"a b": 1},
        {"tier": 1.5},
        {"tier": 2**53},
        {"tier": [None]},
        {"tier": [[[[[1]]]]]},
        {"tier": "a\0"},
        {"tier": "x" * 1000},
        {"x" * 2000: None},
        {"a\0": None},
        ["tier"],
        "tier",
    ],
)
async def test_claims_obey_their_rules_and_a_broken_one_changes_nothing(program: Program, claims: object) -> None:
    person = await program.fakes.client.sign_up()
    before = row(program, person["userId"])
    path, body = f"/admin/users/{person['userId']}", {"firstName": "Eve", "claims": claims}
    assert (await refused(program, body, "PATCH", path))["field"] == "claims"
    assert (await refused(program, NEW | {"claims": claims}))["code"] in ("invalid_claims", "wrong_type")
    assert list(program.fakes.users.rows.values()) == [before]


async def test_claims_have_a_size_at_the_most_together_with_those_that_are_there(program: Program) -> None:
    person = await program.fakes.client.sign_up()
    path = f"/admin/users/{person['userId']}"
    await program.said("PATCH", path, {"claims": {"one": "x" * 600}})
    before = row(program, person["userId"])
    body = {"firstName": "Eve", "claims": {"two": "x" * 600}}
    assert (await refused(program, body, "PATCH", path))["code"] == "invalid_claims"
    assert row(program, person["userId"]) == before
    assert (await program.said("PATCH", path, body | {"claims": {"one": None, "two": "x" * 600}}))["firstName"] == "Eve"


async def test_null_is_no_claim_of_a_new_account(program: Program) -> None:
    assert (await refused(program, NEW | {"claims": {"plan": None}}))["code"] == "invalid_claims"


# --- half-way


class Killed(BaseException):
    """As a process that is killed: nothing behind it runs."""


async def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("body", [NEW | {"password": PASSWORD}, NEW | {"passwordHash": ARGON2}, NEW | {"invite": True}])
@pytest.mark.parametrize("step", ["before", "keep", "told"])
async def test_who_was_interrupted_at_any_step_asks_again_and_gets_a_true_answer(
    program: Program, body: dict[str, Any], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = program.fakes.application
    mails = application.administration.mails
    target = {
        "before": (type(application.accounts), "add"),
        "keep": (Verifiers, "keep"),
        "told": (type(mails), "wish") if "invite" in body else (NewUsers, "_tell"),
    }[step]
    with monkeypatch.context() as patched:
        patched.setattr(*target, killed)
        with pytest.raises(Exception):  # noqa: B017, PT011 - the connection breaks
            await program.call("POST", "/admin/users", body)
    answer = await program.call("POST", "/admin/users", body)
    if step == "before":
        assert answer.status == 201
    else:
        assert (answer.status, problem(await answer.text())["code"]) == (409, "email_taken")
    (user,) = (await program.said("GET", "/admin/users?email=new@example.com"))["users"]
    if "invite" in body:
        await program.said("POST", f"/admin/users/{user['userId']}/reset", status=204)
        assert "reset" in [letter.template for letter in await Postbox(application).collect()]
    else:
        right = foreign.PASSWORD if "passwordHash" in body else PASSWORD
        assert await program.fakes.client.log_in({"email": NEW["email"], "password": right})
