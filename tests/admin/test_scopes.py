"""Which token may call what: exactly the table that OpenAPI prints, and nothing at all by default."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.admin.examples import ALL_EXAMPLES
from service.admin.routes import ADMIN_OPERATIONS
from service.api.openapi import document
from service.api.routes import OPERATIONS
from service.domain.administration.models import AdminScope
from service.domain.events.security_events import Event, Reason
from service.domain.models import Visitor
from service.errors import InvalidAdminTokenError
from tests.admin.conftest import ENABLED, MakeProgram, Program, token_for
from tests.conftest import MakeOnFakes, bearer, problem
from tests.support.builders import FakeAmbient
from tests.support.paths import plain_path

DOCUMENT: dict[str, Any] = json.loads(document(OPERATIONS + ADMIN_OPERATIONS, ALL_EXAMPLES))
PRINTED = {
    (method.upper(), path): call["security"]
    for path, calls in DOCUMENT["paths"].items()
    for method, call in calls.items()
    if path.startswith("/admin")
}
EXPECTED = {
    ("GET", "/admin/users"): "users:read",
    ("POST", "/admin/users"): "users:write",
    ("GET", "/admin/users/{userId}"): "users:read",
    ("PATCH", "/admin/users/{userId}"): "users:write",
    ("DELETE", "/admin/users/{userId}"): "users:write",
    ("POST", "/admin/users/{userId}/disable"): "users:write",
    ("POST", "/admin/users/{userId}/enable"): "users:write",
    ("POST", "/admin/users/{userId}/reset"): "users:write",
    ("DELETE", "/admin/users/{userId}/factors"): "users:write",
    ("GET", "/admin/users/{userId}/sessions"): "users:read",
    ("DELETE", "/admin/users/{userId}/sessions"): "sessions:end",
    ("DELETE", "/admin/users/{userId}/sessions/{sessionId}"): "sessions:end",
    ("POST", "/admin/sessions/end-all"): "sessions:end",
    ("GET", "/admin/audit"): "audit:read",
    ("GET", "/admin/keys"): "keys:read",
    ("POST", "/admin/keys/rotate"): "keys:rotate",
    ("GET", "/admin/deliveries"): "deliveries:write",
    ("POST", "/admin/deliveries/{deliveryId}/retry"): "deliveries:write",
}
CALLS = list(EXPECTED)


async def asked(program: Program, method: str, path: str, **headers: str) -> int:
    """With a body that the call reads, of a user who is not there."""
    takes = next(one.about.takes for one in ADMIN_OPERATIONS if (one.method, one.path) == (method, path))
    body = ALL_EXAMPLES.bodies[takes] if takes else None
    return (await program.call(method, plain_path(path), body, **headers)).status


def test_the_document_prints_one_scope_for_each_call() -> None:
    assert {call: [{"adminToken": [scope]}] for call, scope in EXPECTED.items()} == PRINTED
    assert {scope.value for scope in AdminScope} == {*EXPECTED.values()}
    assert {
        call["tags"][0]
        for path, calls in DOCUMENT["paths"].items()
        for call in calls.values()
        if path.startswith("/admin")
    } == {"Administration"}


@pytest.mark.parametrize("scope", AdminScope)
async def test_each_call_takes_the_scope_that_is_printed_and_no_other(program: Program, scope: AdminScope) -> None:
    one = replace(program, text=await token_for(program.fakes.application, [scope], name="one"))
    others = [each for each in AdminScope if each is not scope]
    rest = replace(program, text=await token_for(program.fakes.application, others, name="rest"))
    for (method, path), (printed,) in PRINTED.items():
        (needed,) = printed["adminToken"]
        assert (await asked(one, method, path) == 403) == (needed != scope), (method, path)
        assert (await asked(rest, method, path) == 403) == (needed == scope), (method, path)


async def test_a_token_without_the_scope_changes_nothing_and_is_named_in_the_events(program: Program) -> None:
    ada = await program.fakes.client.sign_up()
    rest = [one for one in AdminScope if one is not AdminScope.USERS_WRITE]
    reader = replace(program, text=await token_for(program.fakes.application, rest, name="reader"))
    seen: list[Event] = []
    program.fakes.application.events.add(seen.append)
    answer = await reader.call("DELETE", f"/admin/users/{ada['userId']}")
    assert (answer.status, problem(await answer.text())["code"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
    assert [(one.reason, one.operator) for one in seen] == [(Reason.INSUFFICIENT_SCOPE, "token:reader")]
    assert (await program.call("GET", f"/admin/users/{ada['userId']}")).status == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_nothing_is_mounted_by_default(on_fakes: MakeOnFakes, method: str, path: str) -> None:
    off = await on_fakes()
    program = Program(off, await token_for(off.application))
    assert await asked(program, method, path) == 404
    said = await (await off.client.get("/openapi.json")).json()
    assert not [path for path in said["paths"] if path.startswith("/admin")]
    assert "Administration" not in [tag["name"] for tag in said["tags"]]
    assert "adminToken" not in said["components"]["securitySchemes"]


async def test_the_document_of_an_instance_is_the_one_that_is_printed(program: Program) -> None:
    assert await (await program.fakes.client.get("/openapi.json")).json() == DOCUMENT


# --- other credentials


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_no_other_credential_opens_a_call(program: Program, method: str, path: str) -> None:
    person = await program.fakes.client.sign_up()
    tokens = await program.fakes.client.log_in(person)
    made = await program.fakes.client.post("/auth/api-keys", {"name": "a"}, **bearer(tokens))
    named = (await made.json())["apiKey"]
    shown = [tokens["idToken"], tokens["accessToken"], tokens["refreshToken"], tokens["apiKey"], named]
    shown += [program.text[:-1], f"{program.text}0", program.text[:-1] + ("0" if program.text[-1] != "0" else "1")]
    shown += ["ta_", f"ta_{'0' * 49}", "ta_\u00e4".encode().decode("latin-1")]
    for text in shown:
        assert await asked(replace(program, text=text), method, path) == 401, text
    for headers in ({"Authorization": ""}, {"Authorization": f"Basic {program.text}"}, {"Authorization": "Bearer"}):
        assert await asked(program, method, path, **headers) == 401
    alone = await program.fakes.client.http.request(method, plain_path(path), headers={"x-api-key": program.text})
    assert alone.status == 401


@pytest.mark.parametrize("path", ["/auth/me", "/auth/verify", "/auth/sessions", "/auth/export"])
async def test_an_admin_token_is_nobody_elsewhere(program: Program, path: str) -> None:
    assert (await program.call("GET", path)).status == 401
    assert (await program.fakes.client.get(path, **{"x-api-key": program.text})).status == 401


async def test_a_token_is_refused_from_its_expiry_on(program: Program, ambient: FakeAmbient) -> None:
    short = replace(program, text=await token_for(program.fakes.application, name="short", lifetime=timedelta(hours=1)))
    ambient.advance(seconds=3599)
    assert (await short.call("GET", "/admin/users")).status == 200
    ambient.advance(seconds=1)
    answer = await short.call("GET", "/admin/users")
    assert (answer.status, problem(await answer.text())["code"]) == (401, "invalid_token")
    assert (await program.call("GET", "/admin/users")).status == 200


async def test_a_token_that_is_ended_is_refused_at_once(program: Program) -> None:
    assert await program.fakes.application.admin_tokens.end("ci")
    assert not await program.fakes.application.admin_tokens.end("ci")
    assert (await program.call("GET", "/admin/users")).status == 401
    reasons = [(one.event.reason, one.event.key_id) for one in await program.entries() if one.event.key_id]
    assert reasons == [("admin_token_created", "token:ci"), ("admin_token_ended", "token:ci")]


async def test_the_last_use_is_noted_to_the_minute_and_a_refused_one_is_none(
    program: Program, ambient: FakeAmbient
) -> None:
    tokens = program.fakes.application.admin_tokens
    rest = [one for one in AdminScope if one is not AdminScope.USERS_READ]
    other = replace(program, text=await token_for(program.fakes.application, rest, name="other"))
    assert [one.last_used_at for one in await tokens.all()] == [None, None]
    ambient.advance(seconds=95)
    assert (await program.call("GET", "/admin/users")).status == 200
    assert (await other.call("GET", "/admin/users")).status == 403
    used = {one.name: one.last_used_at for one in await tokens.all()}
    assert used == {"ci": ambient.now().replace(second=0), "other": None}


async def test_only_a_digest_of_the_token_is_kept(program: Program) -> None:
    held = repr(await program.fakes.application.admin_tokens.all())
    store = program.fakes.application.backends.admin_tokens
    assert program.text[3:] not in held + repr(vars(store))


# --- networks


@pytest.fixture
async def behind_a_proxy(make_program: MakeProgram) -> Program:
    return await make_program(
        server={"trusted_proxies": "127.0.0.1"}, admin=ENABLED | {"sources": "192.0.2.0/24,2001:db8::/48"}
    )


@pytest.mark.parametrize(
    ("source", "status"),
    [("192.0.2.9", 200), ("192.0.3.9", 401), ("2001:db8:0:7::1", 200), ("2001:db8:1::1", 401), ("127.0.0.1", 401)],
)
async def test_the_whole_face_answers_to_its_sources_alone(behind_a_proxy: Program, source: str, status: int) -> None:
    seen: list[Event] = []
    behind_a_proxy.fakes.application.events.add(seen.append)
    answer = await behind_a_proxy.call("GET", "/admin/users", **{"X-Forwarded-For": source})
    assert answer.status == status
    assert [one.reason for one in seen] == ([] if status == 200 else [Reason.OTHER_NETWORK])


@pytest.mark.parametrize(("source", "status"), [("192.0.2.9", 200), ("192.0.2.10", 401), ("198.51.100.7", 401)])
async def test_a_token_of_few_networks_is_good_there_alone_and_nowhere_else(
    behind_a_proxy: Program, source: str, status: int
) -> None:
    networks = ["192.0.2.9/32", "198.51.100.0/24"]  # the latter is none of the face's own
    text = await token_for(behind_a_proxy.fakes.application, name="few", networks=networks)
    few = replace(behind_a_proxy, text=text)
    assert (await few.call("GET", "/admin/users", **{"X-Forwarded-For": source})).status == status


@pytest.mark.parametrize(("sources", "networks"), [("192.0.2.0/24", []), ("", ["192.0.2.0/24"])])
async def test_a_unix_socket_is_in_no_network(make_program: MakeProgram, sources: str, networks: list[str]) -> None:
    program = await make_program(admin=ENABLED | {"sources": sources})
    application = program.fakes.application
    text = await token_for(application, name="few", networks=networks)
    with pytest.raises(InvalidAdminTokenError):
        await application.admin_tokens.accept(text, AdminScope.USERS_READ, Visitor("local"))


# --- limits


async def test_wrong_tokens_of_one_source_are_counted_and_right_ones_by_their_own_rate(
    make_program: MakeProgram,
) -> None:
    limits = {"exempt": [], "api_key_unknown": "1/1h", "admin_token": "3/1h"}
    program = await make_program(throttle=limits)
    other = replace(program, text=await token_for(program.fakes.application, name="other"))
    wrong = replace(program, text="ta_wrong")
    assert [(await wrong.call("GET", "/admin/users")).status for _ in range(3)] == [401, 429, 429]
    assert [(await program.call("GET", "/admin/users")).status for _ in range(4)] == [200, 200, 200, 429]
    assert (await other.call("GET", "/admin/users")).status == 200


async def test_an_instance_whose_clock_is_wrong_does_nothing(program: Program) -> None:
    program.fakes.application.clock.note("the clock of this instance is 60 s ahead")
    answer = await program.call("GET", "/admin/users")
    assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")


async def test_while_the_store_of_tokens_does_not_answer_nobody_is_let_in(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def by_digest(digest: bytes) -> None:
        raise TimeoutError

    monkeypatch.setattr(program.fakes.application.backends.admin_tokens, "by_digest", by_digest)
    answer = await program.call("GET", "/admin/users")
    assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")


async def test_an_everybody_that_has_not_ended_yet_is_unavailable_and_may_be_repeated(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    compromise = program.fakes.application.key_compromise

    async def deny() -> None:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(compromise.revocation, "deny_killed_keys", deny)
        answer = await program.call("POST", "/admin/sessions/end-all", {"confirm": "everybody"})
        assert (answer.status, problem(await answer.text())["code"]) == (503, "unavailable")
    assert (await program.call("POST", "/admin/sessions/end-all", {"confirm": "everybody"})).status == 200
