"""The pages of admins on real stores and two instances: the command makes an admin, and what it says holds everywhere."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Client, Instances
from tests.support import second_factors as second
from tests.support.databases import Command
from tests.support.page_browsers import PageBrowser, words_of

WHO = "grace@bastion"


@pytest.fixture
async def both(instances: Instances, monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    monkeypatch.setenv("TOKENHOUSE_OPERATOR", WHO)
    return await instances(2, pages={"enabled": True}, admin={"enabled": True})


async def signed_in(client: Client, person: dict[str, Any], app: second.App) -> str:
    """The cookie, by the pages themselves."""
    browser = PageBrowser(client)
    answer = await browser.post("/sign-in", {"email": person["email"], "password": person["password"]})
    challenge = answer.cookies["tokenhouse-challenge"].value
    headers = {"Cookie": f"tokenhouse-challenge={challenge}", **browser.sent}
    answer = await browser.post("/sign-in/code", {"code": app.code(datetime.now(UTC), 1)}, **headers)
    return answer.cookies["tokenhouse"].value


async def test_an_admin_is_made_by_command_and_works_on_every_instance(both: list[Client], command: Command) -> None:
    ada, bob = await both[0].sign_up(), await both[0].sign_up(email="bob@example.com")
    app = await second.enrol(both[0], ada, await both[0].log_in(ada), datetime.now(UTC), 0)
    tokens = await both[1].log_in(bob)
    cookie = await signed_in(both[0], ada, app)
    one, two = (PageBrowser(client, cookie) for client in both)
    assert [(await browser.get("/admin")).status for browser in (one, two)] == [404, 404]
    status, said, complaint = await command("admins", "grant", ada["email"].upper())
    assert (status, said) == (0, "may use the admin pages from now on\n")
    assert "pages.enabled is false" in complaint
    assert "the address is not proved" in complaint
    assert [(await browser.get("/admin")).status for browser in (one, two)] == [200, 200]
    overview = words_of(await two.text("/admin"))
    assert re.search(r"\d+ ok, \d+ to look at, \d+ wrong", overview)
    assert "redis.denylist: complete" in overview
    assert "postgres.writable: yes" in overview
    person = f"/admin/people/{bob['userId']}"
    assert f'href="{person}"' in await two.text("/admin/people?email=bob")
    assert (await one.post(f"{person}/end-sessions")).status == 303
    assert [(await client.me(tokens)).status for client in both] == [401, 401]
    status, said, _ = await command("admins", "revoke", ada["userId"])
    assert (status, said) == (0, "may not use the admin pages any more\n")
    assert [(await browser.get("/admin")).status for browser in (one, two)] == [404, 404]
    assert (await two.post(f"{person}/disable")).status == 404


async def test_admins_are_listed_and_what_was_done_is_in_the_trail(both: list[Client], command: Command) -> None:
    ada = await both[0].sign_up(email="ada@example.com")
    status, said, complaint = await command("admins", "list")
    assert (status, said, complaint) == (0, "", "tokenhouse: there is none\n")
    status, said, _ = await command("admins", "grant", "ada@example.com", "--json")
    assert (status, json.loads(said)["id"]) == (0, ada["userId"])
    status, said, _ = await command("admins", "grant", "ada@example.com")
    assert (status, said) == (0, "is an admin already\n")
    status, said, _ = await command("admins", "list", "--json")
    shown = json.loads(said)
    assert (shown["email"], shown["granted_by"], shown["second_factor"]) == ("ada@example.com", WHO, False)
    status, said, _ = await command("admins", "list")
    assert said.endswith("ada@example.com  by grace@bastion  no second factor yet\n")
    assert (await command("admins", "revoke", "ada@example.com"))[0] == 0
    status, said, _ = await command("admins", "revoke", "ada@example.com")
    assert (status, said) == (0, "is no admin\n")
    status, said, complaint = await command("admins", "grant", "nobody@example.com")
    assert (status, "no account has this address" in complaint) == (1, True)
    _, said, _ = await command("audit", "--json", "--user", "ada@example.com")
    events = [json.loads(line) for line in said.splitlines()]
    changes = [(one["reason"], one["operator"]) for one in events if one["event"] == "authz_change"]
    assert changes == [("admin_revoked", WHO), ("admin_granted", WHO)]


async def test_a_closed_account_is_no_admin(both: list[Client], command: Command) -> None:
    ada = await both[0].sign_up(email="ada@example.com")
    await command("admins", "grant", ada["email"])
    await command("users", "delete", ada["email"], "--yes")
    assert (await command("admins", "list"))[1] == ""
