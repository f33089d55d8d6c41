"""What the stores of administration promise, in memory and on a real Postgres."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.accounts.ports import Users
from service.domain.administration.models import Admin, AdminToken, Most, UserChange
from service.domain.administration.ports import AdminStore, AdminTokenStore, UserDirectory
from service.domain.models import User
from service.domain.sessions.models import PendingRevocation
from service.stores.admin_tokens import PostgresAdminTokens
from service.stores.admins import PostgresAdmins
from service.stores.user_directory import PostgresUserDirectory
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fake_administration import FakeAdmins, FakeAdminTokens, FakeUserDirectory
from tests.support.fakes import FakeUsers
from tests.support.postgres import open_postgres

MOST = Most(3, 15, 40)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Ground:
    users: Users
    directory: UserDirectory
    tokens: AdminTokenStore
    admins: AdminStore


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "fake":
        users = FakeUsers()
        yield Ground(users, FakeUserDirectory(users), FakeAdminTokens(), FakeAdmins(users))
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield Ground(
                PostgresUsers(postgres),
                PostgresUserDirectory(postgres),
                PostgresAdminTokens(postgres),
                PostgresAdmins(postgres),
            )


async def added(ground: Ground, ambient: FakeAmbient, address: str = "grace@example.com", **fields: Any) -> User:
    user = builders.user(ambient, email=address, canonical_email=address, **fields)
    await ground.users.add(user, user.id.bytes)
    return user


async def addresses(ground: Ground, prefix: str, after: str = "", limit: int = 100) -> list[str]:
    return [one.canonical_email for one in await ground.directory.page(prefix, after, limit)]


# --- users


async def test_users_are_found_by_the_beginning_of_their_address_and_by_no_other_part(
    ground: Ground, ambient: FakeAmbient
) -> None:
    for address in ("ada@example.com", "adam@example.com", "bob@ada.example", "ad@example.com"):
        await added(ground, ambient, address)
    assert await addresses(ground, "ada") == ["ada@example.com", "adam@example.com"]
    assert await addresses(ground, "ada@") == ["ada@example.com"]
    assert await addresses(ground, "example") == []
    assert len(await addresses(ground, "")) == 4


@pytest.mark.parametrize("prefix", ["%", "a%", "_da", "a\\", "' OR true --", "\0", "a\0", "\u00e4", "\U0010ffff"])
async def test_nothing_in_a_prefix_is_a_wildcard_or_an_error(ground: Ground, ambient: FakeAmbient, prefix: str) -> None:
    await added(ground, ambient, "ada@example.com")
    assert await addresses(ground, prefix) == []
    assert await addresses(ground, "", after="\0") == ["ada@example.com"]


async def test_characters_of_addresses_are_ordered_by_their_bytes_whatever_the_collation(
    ground: Ground, ambient: FakeAmbient
) -> None:
    ordered = ["a!b@example.com", "a+b@example.com", "a-b@example.com", "a.b@example.com", "a1@example.com"]
    ordered += ["a@example.com", "a_b@example.com", "ab@example.com", "a{@example.com", "a~b@example.com"]
    for address in reversed(ordered):
        await added(ground, ambient, address)
    assert await addresses(ground, "a") == ordered
    assert await addresses(ground, "a~") == ["a~b@example.com"]
    one_by_one, after = [], ""
    for _ in ordered:
        one_by_one += (page := await addresses(ground, "a", after, 1))
        after = page[-1]
    assert await addresses(ground, "a", after, 1) == []
    assert one_by_one == ordered


async def test_pages_neither_repeat_nor_lose_anybody_while_others_come_and_go(
    ground: Ground, ambient: FakeAmbient
) -> None:
    people = [await added(ground, ambient, f"a{number}@example.com") for number in range(6)]
    first = await ground.directory.page("a", "", 2)
    assert list(first) == people[:2]
    await ground.users.remove(PendingRevocation(ambient.new_uuid(), first[-1].id, "account_closed"))
    await added(ground, ambient, "a00@example.com")
    rest = await ground.directory.page("a", first[-1].canonical_email, 100)
    assert list(rest) == people[2:]


async def test_a_change_is_of_what_is_named_alone_and_in_disabled_accounts_too(
    ground: Ground, ambient: FakeAmbient
) -> None:
    grace, other = await added(ground, ambient), await added(ground, ambient, "other@example.com")
    at = ambient.now()
    await ground.users.disable(at, PendingRevocation(ambient.new_uuid(), grace.id, "account_disabled"))
    assert await ground.directory.change(grace.id, UserChange(), MOST) == replace(grace, disabled_at=at)
    changed = await ground.directory.change(grace.id, UserChange(first_name="G", added_groups=("b", "a")), MOST)
    assert changed == replace(grace, disabled_at=at, first_name="G", groups=("a", "b"))
    changed = await ground.directory.change(
        grace.id, UserChange(last_name="H", added_groups=("c", "a"), removed_groups=("b", "x")), MOST
    )
    expected = replace(grace, disabled_at=at, first_name="G", last_name="H", groups=("a", "c"))
    assert (changed, await ground.users.by_id(grace.id)) == (expected, expected)
    assert await ground.users.by_id(other.id) == other


async def test_too_many_groups_change_nothing_else_either(ground: Ground, ambient: FakeAmbient) -> None:
    grace = await added(ground, ambient)
    change = UserChange(first_name="G", added_groups=("a", "b", "c", "d"))
    assert await ground.directory.change(grace.id, change, MOST) is None
    assert await ground.users.by_id(grace.id) == grace
    assert await ground.directory.change(ambient.new_uuid(), UserChange(first_name="G"), MOST) is None


async def test_claims_change_with_the_rest_or_not_at_all(ground: Ground, ambient: FakeAmbient) -> None:
    grace = await added(ground, ambient, claims='{"plan": "team", "tier": 3}')
    change = UserChange(first_name="G", set_claims='{"plan": "solo", "beta": true}', removed_claims=("tier", "x"))
    changed = await ground.directory.change(grace.id, change, MOST)
    assert changed is not None
    assert (changed.first_name, json.loads(changed.claims)) == ("G", {"plan": "solo", "beta": True})
    assert await ground.directory.change(grace.id, UserChange(), MOST) == changed
    large = UserChange(first_name="H", set_claims=json.dumps({"more": "x" * 40}))
    assert await ground.directory.change(grace.id, large, MOST) is None
    assert await ground.users.by_id(grace.id) == changed


async def test_an_account_may_be_opened_with_a_proved_address(ground: Ground, ambient: FakeAmbient) -> None:
    grace = await added(ground, ambient, email_verified_at=ambient.now(), password_hash="")
    assert await ground.users.by_id(grace.id) == grace


# --- tokens


def token(ambient: FakeAmbient, **fields: Any) -> AdminToken:
    made: dict[str, Any] = {
        "id": ambient.new_uuid(),
        "name": "ci",
        "scopes": ("users:write", "users:read"),
        "networks": ("192.0.2.0/24", "2001:db8::/48"),
        "created_at": ambient.now(),
        "expires_at": ambient.now() + timedelta(days=1),
    }
    return AdminToken(**(made | fields))


async def test_a_token_is_found_by_its_digest_and_listed(ground: Ground, ambient: FakeAmbient) -> None:
    ci = token(ambient)
    ambient.advance(seconds=1)
    support = token(ambient, name="support", scopes=(), networks=())
    assert await ground.tokens.add(support, b"two")
    assert await ground.tokens.add(ci, b"one\0\xff")
    assert await ground.tokens.by_digest(b"one\0\xff") == ci
    assert await ground.tokens.by_digest(b"two") == support
    assert await ground.tokens.by_digest(b"three") is None
    assert list(await ground.tokens.all()) == [ci, support]


async def test_a_name_is_taken_until_its_token_is_ended(ground: Ground, ambient: FakeAmbient) -> None:
    first, second = token(ambient), token(ambient)
    assert await ground.tokens.add(first, b"one")
    assert not await ground.tokens.add(second, b"two")
    assert await ground.tokens.by_digest(b"two") is None
    assert await ground.tokens.remove("ci")
    assert not await ground.tokens.remove("ci")
    assert await ground.tokens.by_digest(b"one") is None
    assert await ground.tokens.add(second, b"two")
    assert list(await ground.tokens.all()) == [second]


async def test_the_last_use_never_goes_back(ground: Ground, ambient: FakeAmbient) -> None:
    ci, other = token(ambient), token(ambient, name="other")
    await ground.tokens.add(ci, b"one")
    await ground.tokens.add(other, b"two")
    at = ambient.now()
    for minutes in (5, 3):
        await ground.tokens.note_use(ci.id, at + timedelta(minutes=minutes))
    assert await ground.tokens.by_digest(b"one") == replace(ci, last_used_at=at + timedelta(minutes=5))
    assert await ground.tokens.by_digest(b"two") == other


# --- people


def admin(ambient: FakeAmbient, user: User, by: str = "grace@bastion") -> Admin:
    return Admin(user_id=user.id, granted_at=ambient.now(), granted_by=by)


async def test_admins_are_found_and_listed_the_first_one_first(ground: Ground, ambient: FakeAmbient) -> None:
    grace, ada, other = [await added(ground, ambient, f"{name}@example.com") for name in ("grace", "ada", "other")]
    first, second = admin(ambient, grace), Admin(user_id=ada.id, granted_at=ambient.now() + DAY, granted_by="")
    assert await ground.admins.grant(second)
    assert await ground.admins.grant(first)
    assert [await ground.admins.find(one.id) for one in (grace, ada, other)] == [first, second, None]
    assert list(await ground.admins.all()) == [first, second]


async def test_who_is_an_admin_already_stays_so_as_it_was(ground: Ground, ambient: FakeAmbient) -> None:
    grace = await added(ground, ambient)
    first = admin(ambient, grace)
    assert await ground.admins.grant(first)
    ambient.advance(hours=1)
    assert not await ground.admins.grant(admin(ambient, grace, by="another"))
    assert await ground.admins.find(grace.id) == first


async def test_an_admin_is_none_once_that_is_taken_back(ground: Ground, ambient: FakeAmbient) -> None:
    grace, other = await added(ground, ambient), await added(ground, ambient, "other@example.com")
    for one in (grace, other):
        await ground.admins.grant(admin(ambient, one))
    assert await ground.admins.revoke(grace.id)
    assert not await ground.admins.revoke(grace.id)
    assert list(await ground.admins.all()) == [admin(ambient, other)]
    assert await ground.admins.grant(admin(ambient, grace))


async def test_an_account_that_is_gone_has_no_admin_s_row(ground: Ground, ambient: FakeAmbient) -> None:
    grace = await added(ground, ambient)
    assert not await ground.admins.grant(Admin(user_id=ambient.new_uuid(), granted_at=ambient.now(), granted_by="x"))
    await ground.admins.grant(admin(ambient, grace))
    await ground.users.remove(PendingRevocation(ambient.new_uuid(), grace.id, "account_closed"))
    assert await ground.admins.find(grace.id) is None
    assert list(await ground.admins.all()) == []
