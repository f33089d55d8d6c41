"""What holds of every call at `/admin`, tried over the route table: scopes, credentials, members, actors, secrets."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from service.admin.routes import ADMIN_OPERATIONS
from service.api.operation import Operation
from service.domain.administration.models import AdminScope
from service.http.query import READING
from tests.admin.conftest import MakeProgram, Program, token_for
from tests.admin.test_scopes import PRINTED
from tests.admin.town import Town
from tests.conftest import problem
from tests.support.builders import PASSWORD, FakeAmbient

WRITES = [one for one in ADMIN_OPERATIONS if one.method not in READING]
# Everything that an account, a token or a session is made of, and what attackers have tried elsewhere
MEMBERS: Mapping[str, object] = {
    "id": "00000000-0000-4000-8000-00000000aaaa",
    "userId": "00000000-0000-4000-8000-00000000aaaa",
    "email": "eve@example.com",
    "canonicalEmail": "eve@example.com",
    "canonical_email": "eve@example.com",
    "password": PASSWORD,
    "newPassword": PASSWORD,
    "passwordHash": "$2b$04$abcdefghijklmnopqrstuu",
    "password_hash": "$2b$04$abcdefghijklmnopqrstuu",
    "hasPassword": True,
    "passwordChangedAt": "2020-01-01T00:00:00Z",
    "apiKey": "ak_x",
    "apiKeySealed": "x",
    "totp": "JBSWY3DPEHPK3PXP",
    "recoveryCodes": ["a"],
    "secondFactorSince": None,
    "createdAt": "2020-01-01T00:00:00Z",
    "disabledAt": None,
    "disabled": False,
    "emailVerified": True,
    "emailVerifiedAt": "2020-01-01T00:00:00Z",
    "email_verified_at": "2020-01-01T00:00:00Z",
    "mustProveAddress": False,
    "groups": ["admins"],
    "attributes": {},
    "language": "de",
    "first_name": "Eve",
    "actor": "token:somebody",
    "operator": "somebody",
    "scopes": ["users:write"],
    "scope": "users:write",
    "networks": [],
    "isAdmin": True,
    "role": "admin",
    "sessionId": "x",
    "kid": "x",
    "": "x",
    "__proto__": {"isAdmin": True},
}
every_call = pytest.mark.parametrize("one", ADMIN_OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
every_write = pytest.mark.parametrize("one", WRITES, ids=lambda one: f"{one.method} {one.path}")


def needed(one: Operation) -> AdminScope:
    """As it is printed."""
    ((scope,),) = (printed["adminToken"] for printed in PRINTED[one.method, one.path])
    return AdminScope(scope)


@every_call
async def test_a_call_works_with_the_scope_that_is_printed_alone_and_with_no_other(
    program: Program, one: Operation
) -> None:
    town = await Town.of(program)
    before, count = await town.dump(), len(await program.entries())
    for scope in AdminScope:
        if scope is not needed(one):
            text = await token_for(program.fakes.application, [scope], name=scope.replace(":", "-"))
            answer = await replace(program, text=text).call(one.method, town.path(one), town.body(one))
            said = problem(await answer.text())
            assert (answer.status, said["code"]) == (403, "insufficient_scope"), scope
            await program.fakes.application.admin_tokens.end(scope.replace(":", "-"))
    assert await town.dump() == before
    assert {str(entry.event.reason) for entry in (await program.entries())[count:]} == {
        "admin_token_created",
        "admin_token_ended",
    }
    right = replace(program, text=await token_for(program.fakes.application, [needed(one)], name="right"))
    answer = await right.call(one.method, town.path(one), town.body(one))
    assert answer.status == int(one.about.returns.status), await answer.text()


@every_call
async def test_a_call_without_a_good_token_does_nothing(
    make_program: MakeProgram, ambient: FakeAmbient, one: Operation
) -> None:
    program = await make_program()
    application = program.fakes.application
    expired = await token_for(application, name="expired", lifetime=timedelta(minutes=1))
    ended = await token_for(application, name="ended")
    elsewhere = await token_for(application, name="elsewhere", networks=["192.0.2.0/24"])
    ambient.advance(minutes=1)
    await application.admin_tokens.end("ended")
    town = await Town.of(program)
    before = await town.dump()
    for text in (expired, ended, elsewhere, "ta_wrong", *town.secrets):
        if text in (program.text, program.text[3:]):
            continue
        answer = await replace(program, text=text).call(one.method, town.path(one), town.body(one))
        assert (answer.status, problem(await answer.text())["code"]) == (401, "invalid_token"), text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for headers in ({"Authorization": ""}, {"Authorization": f"Token {program.text}"}):
        answer = await program.call(one.method, town.path(one), town.body(one), **headers)
        assert answer.status == 401
    assert await town.dump() == before


@every_write
async def test_members_that_a_write_does_not_know_are_refused_whole_and_change_nothing(
    program: Program, one: Operation
) -> None:
    town = await Town.of(program)
    known = {str(field.alias) for field in one.about.takes.model_fields.values()} if one.about.takes else set()
    before, count = await town.dump(), len(await program.entries())
    for name, value in MEMBERS.items():
        if name in known:
            continue
        answer = await program.call(one.method, town.path(one), (town.body(one) or {}) | {name: value})
        said = problem(await answer.text())
        assert (answer.status, said["code"]) == (422, "invalid_fields"), name
        assert {broken["code"] for broken in said["errors"]} == {"unknown_member"}, name
        assert any(broken["message"] == "this call takes no body" for broken in said["errors"]) is not bool(known), name
    assert await town.dump() == before
    assert (await program.entries())[count:] == []
    assert await program.notices() == []


def test_no_write_takes_a_member_that_it_must_not() -> None:
    """What an account is opened with, and nothing of what makes it somebody's."""
    taken = {
        (one.method, one.path): {str(field.alias) for field in one.about.takes.model_fields.values()}
        for one in WRITES
        if one.about.takes
    }
    assert taken == {
        ("POST", "/admin/users"): {
            "email",
            "firstName",
            "lastName",
            "id",
            "password",
            "passwordHash",
            "invite",
            "emailVerified",
            "groups",
            "claims",
        },
        ("PATCH", "/admin/users/{userId}"): {"firstName", "lastName", "addGroups", "removeGroups", "claims"},
        ("POST", "/admin/sessions/end-all"): {"confirm"},
    }


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", '{"a": 1, "a": 2}'])
async def test_a_write_that_takes_no_body_refuses_what_is_no_object(program: Program, body: str) -> None:
    town = await Town.of(program)
    before = await town.dump()
    headers = {"Authorization": f"Bearer {program.text}", "Content-Type": "application/json"}
    path = f"/admin/users/{town.person['userId']}/disable"
    answer = await program.fakes.client.http.post(path, data=body, headers=headers)
    assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_json")
    assert await town.dump() == before
    empty = await program.fakes.client.http.post(path, data="{}", headers=headers)
    assert empty.status == 204


@every_write
async def test_a_write_names_its_program_in_all_that_it_leaves_in_the_trail(program: Program, one: Operation) -> None:
    town = await Town.of(program)
    writer = replace(program, text=await token_for(program.fakes.application, [needed(one)], name="writer"))
    count = len(await program.entries())
    answer = await writer.call(one.method, town.path(one), town.body(one))
    assert answer.status == int(one.about.returns.status), await answer.text()
    left = (await program.entries())[count:]
    assert left
    assert {entry.event.operator for entry in left} == {"token:writer"}
    assert {entry.event.source for entry in left} <= {"127.0.0.0/24", ""}  # "": an instance's own doing
    assert {entry.request_id for entry in left} == {answer.headers["X-Request-Id"]}


@every_call
async def test_no_answer_has_a_secret(program: Program, one: Operation) -> None:
    town = await Town.of(program)
    answer = await program.call(one.method, town.path(one), town.body(one))
    assert answer.status < 300
    shown = await answer.text() + str(answer.headers)
    again = await program.call(one.method, town.path(one), town.body(one))  # a refusal of some
    shown += await again.text() + str(again.headers)
    assert len(town.secrets) > 10
    assert [secret for secret in town.secrets if secret in shown] == []


@every_call
async def test_no_call_makes_a_token_or_a_session(program: Program, one: Operation) -> None:
    """None becomes a user, or makes an operator."""
    town = await Town.of(program)
    tokens, sessions = await town.admin_tokens(), await town.sessions()
    assert (await program.call(one.method, town.path(one), town.body(one))).status < 300
    assert await town.admin_tokens() == tokens
    assert await town.sessions() <= sessions


@pytest.mark.parametrize("one", [one for one in ADMIN_OPERATIONS if one.method in READING], ids=lambda one: one.path)
async def test_a_parameter_with_a_nul_is_refused_before_a_store_sees_it(program: Program, one: Operation) -> None:
    path = (await Town.of(program)).path(one)
    for field in one.about.query.model_fields.values():
        answer = await program.call("GET", f"{path}?{field.alias}=a%00")
        assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request"), field.alias
