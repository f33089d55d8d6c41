"""Operators' programs on two instances and real stores: a token by command, and what is done with it holds everywhere."""

import asyncio
import re
from typing import Any

import pytest
from aiohttp import ClientResponse

from service.domain.administration.models import AdminScope
from tests.conftest import Client, Instances
from tests.support.builders import PASSWORD
from tests.support.databases import Command

EVERY_SCOPE = ",".join(AdminScope)
NEW = {"email": "new@example.com", "firstName": "Ada", "lastName": "Lovelace", "password": PASSWORD}


@pytest.fixture
async def both(instances: Instances) -> list[Client]:
    return await instances(2, admin={"enabled": True})


async def made(command: Command, *options: str, name: str = "ci") -> str:
    status, said, _ = await command("admin-tokens", "new", name, *options)
    assert status == 0, said
    (text,) = re.findall(r"ta_[0-9A-Za-z]{49}", said)
    return str(text)


async def call(client: Client, text: str, method: str, path: str, body: object = None) -> ClientResponse:
    return await client.http.request(method, path, json=body, headers={"Authorization": f"Bearer {text}"})


async def test_a_token_is_made_used_listed_and_ended_by_command(both: list[Client], command: Command) -> None:
    text = await made(command, "--scope", "users:read,audit:read", "--expires", "1h")
    for client in both:
        assert (await call(client, text, "GET", "/admin/users")).status == 200
        assert (await call(client, text, "POST", "/admin/keys/rotate")).status == 403
    status, said, _ = await command("admin-tokens", "list")
    (line,) = [line for line in said.splitlines() if line.startswith("ci ")]
    assert status == 0
    assert "users:read,audit:read" in line
    assert "never" not in line
    assert "(in 0 d)" in line
    assert text not in said
    status, _, complaint = await command("admin-tokens", "new", "ci", "--scope", "users:read")
    assert (status, "there is a token of this name" in complaint) == (1, True)
    status, said, _ = await command("admin-tokens", "end", "ci")
    assert (status, said) == (0, "ci is ended\n")
    assert [(await call(client, text, "GET", "/admin/users")).status for client in both] == [401, 401]
    assert (await command("admin-tokens", "end", "ci"))[0] == 1
    _, trail, _ = await command("audit", "--json")
    assert [reason in trail for reason in ("admin_token_created", "admin_token_ended", '"kid": "token:ci"')] == [
        True
    ] * 3


async def test_the_doctor_names_tokens_that_expire_soon_where_the_api_is_on(
    both: list[Client], command: Command
) -> None:
    await made(command, "--scope", "users:read", "--expires", "13d")
    await made(command, "--scope", "users:read", "--expires", "15d", name="later")
    _, said, _ = await command("admin-tokens", "list")
    (soon, later) = [line for line in said.splitlines() if line.startswith(("ci ", "later "))]
    assert ("(in 12 d)" in soon, "(in" in later, "never" in later) == (True, False, True)
    _, said, _ = await command("doctor", TOKENHOUSE_ADMIN__ENABLED="true")
    (line,) = [line for line in said.splitlines() if "admin.tokens" in line]
    assert line.startswith("warning")
    assert "ci expires in 12 days" in line
    assert "later" not in line
    _, said, _ = await command("doctor", TOKENHOUSE_ADMIN__ENABLED="false")
    assert "admin.tokens" not in said


async def test_a_token_of_another_network_is_refused_here(both: list[Client], command: Command) -> None:
    text = await made(command, "--scope", "users:read", "--network", "192.0.2.0/24,2001:db8::/48")
    assert (await call(both[0], text, "GET", "/admin/users")).status == 401
    here = await made(command, "--scope", "users:read", "--network", "127.0.0.1", name="here")
    assert (await call(both[0], here, "GET", "/admin/users")).status == 200


async def test_what_a_program_does_holds_on_every_instance_and_names_it(
    both: list[Client], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = both
    text = await made(command, "--scope", EVERY_SCOPE)
    created = await call(one, text, "POST", "/admin/users", NEW)
    assert created.status == 201
    path = f"/admin/users/{(await created.json())['userId']}"
    tokens = await two.log_in(NEW)
    assert (await two.me(tokens)).status == 200
    changed = await call(two, text, "PATCH", path, {"firstName": "Augusta", "addGroups": ["staff"]})
    assert (await changed.json())["groups"] == ["staff"]
    assert (await (await one.me(tokens)).json())["firstName"] == "Augusta"
    assert (await call(one, text, "POST", f"{path}/disable")).status == 204
    assert [(await client.me(tokens)).status for client in both] == [401, 401]
    assert (await call(two, text, "POST", f"{path}/enable")).status == 204
    other = await two.log_in(NEW)
    assert (await (await call(one, text, "DELETE", f"{path}/sessions")).json()) == {"sessions": 1}
    assert [(await client.me(other)).status for client in both] == [401, 401]
    assert (await call(one, text, "DELETE", path)).status == 204
    assert (await call(two, text, "GET", path)).status == 404
    assert (await two.post("/auth/login", NEW)).status == 401


async def test_of_many_who_open_an_account_for_one_address_one_does(both: list[Client], command: Command) -> None:
    text = await made(command, "--scope", EVERY_SCOPE)
    answers = await asyncio.gather(*(call(both[n % 2], text, "POST", "/admin/users", NEW) for n in range(6)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 5


async def test_groups_that_many_give_at_once_are_all_there(both: list[Client], command: Command) -> None:
    text = await made(command, "--scope", EVERY_SCOPE)
    path = f"/admin/users/{(await (await call(both[0], text, 'POST', '/admin/users', NEW)).json())['userId']}"
    names = [f"g{number}" for number in range(8)]
    changes = (call(both[n % 2], text, "PATCH", path, {"addGroups": [name]}) for n, name in enumerate(names))
    assert [answer.status for answer in await asyncio.gather(*changes)] == [200] * 8
    assert (await (await call(both[0], text, "GET", path)).json())["groups"] == names


async def test_pages_of_users_are_in_one_order_on_every_instance(both: list[Client], command: Command) -> None:
    text = await made(command, "--scope", EVERY_SCOPE)
    addresses = [f"{local}@example.com" for local in ("a!b", "a-b", "a.b", "a1", "a_b", "ab", "b")]
    for address in reversed(addresses):
        await both[0].sign_up(email=address)
    found: list[dict[str, Any]] = []
    after = ""
    for turn in range(9):
        page = await (await call(both[turn % 2], text, "GET", f"/admin/users?email=A&limit=2{after}")).json()
        found += page["users"]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert [one["email"] for one in found] == addresses[:-1]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--scope", ""),
        ("--scope", "users:admin"),
        ("--scope", "users:read,"),
        ("--scope", "users:read", "--expires", "367d"),
        ("--scope", "users:read", "--expires", "1s"),
        ("--scope", "users:read", "--expires", "off"),
        ("--scope", "users:read", "--network", "localhost"),
        ("--scope", "users:read", "--network", ""),
    ],
)
async def test_a_wrong_command_makes_no_token(command: Command, options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refusal:
        await command("admin-tokens", "new", "ci", *options)
    assert refusal.value.code == 2
    for name in ("Ci", "a b", "-", "x" * 65):
        with pytest.raises(SystemExit):
            await command("admin-tokens", "new", name, "--scope", "users:read")
