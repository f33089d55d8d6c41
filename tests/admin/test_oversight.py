"""The audit trail and the signing keys, as operators' programs see them."""

from dataclasses import replace

import pytest

from service.domain.administration import oversight
from tests.admin.conftest import MakeProgram, Program, token_for
from tests.conftest import problem
from tests.support.builders import FakeAmbient


async def test_the_trail_is_read_page_by_page_the_newest_first(program: Program, ambient: FakeAmbient) -> None:
    ids = []
    for _ in range(5):
        ambient.advance(seconds=1)
        ids.append((await program.fakes.client.sign_up())["userId"])
    await program.entries()
    found, after = [], ""
    for _ in range(5):
        page = await program.said("GET", f"/admin/audit?limit=2{after}")
        found += page["events"]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert [one["userId"] for one in found if "userId" in one] == ids[::-1]
    assert [one["event"] for one in found[:5]] == ["user_created"] * 5
    assert {one["event"] for one in found[5:]} == {"authn_token_created", "sys_denylist_restored"}


async def test_the_trail_of_a_user_has_the_attempts_at_the_address_and_nobody_else_s(
    program: Program, ambient: FakeAmbient
) -> None:
    ada, other = await program.fakes.client.sign_up(), await program.fakes.client.sign_up()
    begun = ambient.now()
    ambient.advance(seconds=10)
    for person in (ada, other):
        await program.fakes.client.post("/auth/login", {"email": person["email"], "password": "Wrong-Pass1!"})
    await program.entries()
    said = (await program.said("GET", f"/admin/audit?user={ada['userId']}"))["events"]
    assert [one["event"] for one in said] == ["authn_login_fail", "user_created"]
    later = begun.isoformat().replace("+00:00", "Z").replace("12:00:00", "12:00:05")
    said = (await program.said("GET", f"/admin/audit?user={ada['userId']}&since={later}"))["events"]
    assert [one["event"] for one in said] == ["authn_login_fail"]


async def test_events_of_one_name_are_read_page_by_page(program: Program, ambient: FakeAmbient) -> None:
    ids = []
    for _ in range(3):
        ambient.advance(seconds=1)
        ids.append((await program.fakes.client.sign_up())["userId"])
        await program.said("POST", f"/admin/users/{ids[-1]}/enable", status=204)
    await program.entries()
    found = []
    page = await program.said("GET", "/admin/audit?name=user_created&limit=2")
    found += page["events"]
    page = await program.said("GET", f"/admin/audit?name=user_created&limit=2&after={page['next']}")
    found += page["events"]
    assert "next" not in page
    assert [(one["event"], one["userId"]) for one in found] == [("user_created", one) for one in reversed(ids)]
    assert (await program.said("GET", "/admin/audit?name=user_deleted"))["events"] == []


async def test_events_of_one_user_and_one_name_are_all_found_however_many_others_lie_between(
    program: Program, ambient: FakeAmbient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oversight, "SIFTED", 3)
    ada = (await program.fakes.client.sign_up())["userId"]
    for turn in range(9):
        ambient.advance(seconds=1)
        await program.said("POST", f"/admin/users/{ada}/{'enable' if turn % 2 else 'reset'}", status=204)
        if turn in (4, 5):
            await program.said("DELETE", f"/admin/users/{ada}/sessions")
            await program.fakes.client.post("/auth/login", {"email": "x@example.com", "password": "Wrong-Pass1!"})
    await program.entries()
    path, found = f"/admin/audit?user={ada}&name=user_updated&limit=2", []
    after, pages = "", 0
    while True:
        page = await program.said("GET", path + after)
        found += page["events"]
        assert len(page["events"]) <= 2
        pages += 1
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert {one["event"] for one in found} == {"user_updated"}
    assert len({one["id"] for one in found}) == len(found) == 9
    assert pages >= 5
    created = await program.said("GET", f"/admin/audit?user={ada}&name=user_created")
    assert (created["events"], "next" in created) == ([], True)  # it lies further back than one call looks


@pytest.mark.parametrize(
    "query",
    [
        "name=x",
        "name=",
        "name=USER_CREATED",
        "user=x",
        "since=yesterday",
        "since=2026-01-01",
        "after=x",
        "after=1-2",
        "after=999999999999999999-" + "0" * 32,
        "limit=0",
    ],
)
async def test_a_query_that_means_nothing_is_refused(program: Program, query: str) -> None:
    answer = await program.call("GET", f"/admin/audit?{query}")
    assert (answer.status, problem(await answer.text())["code"]) == (400, "malformed_request")


async def test_without_a_trail_there_is_nothing_to_show(make_program: MakeProgram) -> None:
    program = await make_program(audit={"enabled": False})
    answer = await program.call("GET", "/admin/audit")
    assert (answer.status, problem(await answer.text())["code"]) == (501, "not_configured")


async def test_keys_are_listed_and_rotated_and_the_actor_is_named(program: Program, ambient: FakeAmbient) -> None:
    before = (await program.said("GET", "/admin/keys"))["keys"]
    assert {one["state"] for one in before} >= {"active"}
    rotator = replace(program, text=await token_for(program.fakes.application, name="rotator"))
    said = await rotator.said("POST", "/admin/keys/rotate")
    assert said["kid"] not in [one["kid"] for one in before if one["state"] == "active"]
    events = [(one.event.name.value, one.event.operator) for one in await program.entries()]
    assert ("sys_key_rotated", "token:rotator") in events
    again = await rotator.said("POST", "/admin/keys/rotate")
    assert again == said  # a rotation that is planned is kept
    ambient.advance(minutes=10)
    assert (await program.said("GET", "/admin/keys"))["keys"]
