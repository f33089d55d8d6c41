"""What the users' store promises, in memory and on a real Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import fields, replace

import pytest

from service.domain.accounts.ports import Users
from service.domain.models import User
from service.domain.sessions.models import PendingRevocation
from service.errors import EmailTakenError, IdTakenError
from service.stores.users import USER_FIELDS, PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeUsers
from tests.support.postgres import open_postgres


@pytest.fixture(params=["fake", "postgres"])
async def users(request: pytest.FixtureRequest) -> AsyncIterator[Users]:
    if request.param == "fake":
        yield FakeUsers()
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield PostgresUsers(postgres)


async def test_a_new_user_is_found_by_address_id_and_api_key(users: Users, ambient: FakeAmbient) -> None:
    ambient.advance(microseconds=123_457)
    grace = builders.user(
        ambient, first_name="Gr\u00e4ce \U0001f469", password_hash="$2b$12$hash", email="Grace@Example.com"
    )
    await users.add(grace, b"digest\0\xff")
    assert await users.by_email(grace.canonical_email) == grace
    assert await users.by_id(grace.id) == grace
    assert await users.by_api_key([b"digest\0\xff"], ambient.now()) == grace


async def test_a_user_who_must_prove_the_address_is_remembered_as_one(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient, must_prove_address=True)
    await users.add(grace, b"digest", {"nickname": "G."})
    assert await users.by_id(grace.id) == grace


async def test_a_stranger_is_nobody(users: Users, ambient: FakeAmbient) -> None:
    await users.add(builders.user(ambient), b"digest")
    assert await users.by_email("nobody@example.com") is None
    assert await users.by_id(ambient.new_uuid()) is None
    assert await users.by_api_key([b"another"], ambient.now()) is None
    assert await users.by_api_key([], ambient.now()) is None


@pytest.mark.parametrize("typed", ["", "\0", "a\0@example.com", "grace%@example.com", "' OR true --"])
async def test_whatever_was_typed_is_an_address_that_nobody_has(users: Users, ambient: FakeAmbient, typed: str) -> None:
    await users.add(builders.user(ambient), b"digest")
    assert await users.by_email(typed) is None


async def test_an_address_has_one_account_and_the_first_stays(users: Users, ambient: FakeAmbient) -> None:
    first = builders.user(ambient)
    second = builders.user(ambient, canonical_email=first.canonical_email, email=first.email.upper())
    await users.add(first, b"one")
    with pytest.raises(EmailTakenError):
        await users.add(second, b"two")
    assert await users.by_email(first.canonical_email) == first
    assert await users.by_id(second.id) is None
    assert await users.by_api_key([b"two"], ambient.now()) is None


async def test_an_id_is_of_one_account_and_a_taken_address_is_told_first(users: Users, ambient: FakeAmbient) -> None:
    first = builders.user(ambient)
    await users.add(first, b"one")
    for again, refusal in (
        (builders.user(ambient, id=first.id, canonical_email="other@example.com"), IdTakenError),
        (builders.user(ambient, id=first.id, canonical_email=first.canonical_email), EmailTakenError),
    ):
        with pytest.raises(refusal):
            await users.add(again, b"two")
    assert await users.by_id(first.id) == first
    assert await users.by_email("other@example.com") is None


async def test_of_parallel_sign_ups_to_one_address_exactly_one_wins(users: Users, ambient: FakeAmbient) -> None:
    rivals = [builders.user(ambient, canonical_email="one@example.com") for _ in range(20)]
    adding = (users.add(rival, rival.id.bytes) for rival in rivals)
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    winner = next(rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None)
    assert sum(isinstance(outcome, EmailTakenError) for outcome in outcomes) == 19
    assert await users.by_email("one@example.com") == winner


async def test_an_api_key_is_found_by_the_digest_of_any_secret(users: Users, ambient: FakeAmbient) -> None:
    grace, ada = builders.user(ambient), builders.user(ambient)
    await users.add(grace, b"made with the previous secret")
    await users.add(ada, b"another key")
    assert (
        await users.by_api_key([b"made with the current secret", b"made with the previous secret"], ambient.now())
        == grace
    )


async def test_many_who_are_asked_for_at_once_are_not_mixed_up(users: Users, ambient: FakeAmbient) -> None:
    known = [builders.user(ambient) for _ in range(5)]
    for one in known:
        await users.add(one, one.id.bytes)
    asked = [*known, builders.user(ambient), *reversed(known)]
    found = await asyncio.gather(*(users.by_id(one.id) for one in asked))
    assert found == [one if one in known else None for one in asked]


async def test_a_hash_is_upgraded_only_where_the_old_one_still_is(users: Users, ambient: FakeAmbient) -> None:
    grace, ada = builders.user(ambient, password_hash="old"), builders.user(ambient, password_hash="old")
    await users.add(grace, b"one")
    await users.add(ada, b"two")
    await users.upgrade_password(grace.id, "old", "new")
    await users.upgrade_password(grace.id, "old", "too late")
    renewed, untouched = await users.by_id(grace.id), await users.by_id(ada.id)
    assert renewed
    assert renewed.password_hash == "new"
    assert renewed.password_changed_at == grace.password_changed_at  # it is the same password
    assert untouched == ada


async def test_upgrading_an_account_that_is_gone_is_no_failure(users: Users, ambient: FakeAmbient) -> None:
    gone = builders.user(ambient)
    await users.upgrade_password(gone.id, "old", "new")
    assert await users.by_id(gone.id) is None


async def test_an_account_is_disabled_and_enabled(users: Users, ambient: FakeAmbient) -> None:
    grace, ada = builders.user(ambient), builders.user(ambient)
    await users.add(grace, b"one")
    await users.add(ada, b"two")
    await users.disable(ambient.now(), PendingRevocation(ambient.new_uuid(), grace.id, "account_disabled"))
    disabled = await users.by_api_key([b"one"], ambient.now())
    assert disabled
    assert disabled.disabled_at == ambient.now()
    await users.enable(grace.id)
    assert await users.by_id(grace.id) == grace
    assert await users.by_id(ada.id) == ada


async def test_the_names_that_are_given_change(users: Users, ambient: FakeAmbient) -> None:
    grace, ada = builders.user(ambient), builders.user(ambient)
    await users.add(grace, b"one")
    await users.add(ada, b"two")
    assert await users.set_names(grace.id, None, "Murray") == replace(grace, last_name="Murray")
    assert await users.set_names(grace.id, "Gr\u00e4ce", None) == replace(
        grace, first_name="Gr\u00e4ce", last_name="Murray"
    )
    assert await users.by_id(ada.id) == ada
    assert await users.set_names(ambient.new_uuid(), "x", "y") is None
    await users.disable(ambient.now(), PendingRevocation(ambient.new_uuid(), ada.id, "account_disabled"))
    assert await users.set_names(ada.id, "x", "y") is None


async def test_groups_are_added_and_removed_and_sorted(users: Users, ambient: FakeAmbient) -> None:
    grace, ada = builders.user(ambient), builders.user(ambient)
    await users.add(grace, b"one")
    await users.add(ada, b"two")
    assert await users.change_groups(grace.id, ["b", "a", "_", "B", "b"], ["c"], 5, 1_000) == ("B", "_", "a", "b")
    assert await users.change_groups(grace.id, ["d"], ["a", "_"], 5, 1_000) == ("B", "b", "d")
    changed = await users.by_id(grace.id)
    assert changed
    assert changed.groups == ("B", "b", "d")
    assert await users.by_id(ada.id) == ada
    assert await users.change_groups(ambient.new_uuid(), ["a"], [], 5, 1_000) is None


async def test_there_are_never_more_groups_than_allowed(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"one")
    assert await users.change_groups(grace.id, ["a", "b"], [], 2, 1_000) == ("a", "b")
    assert await users.change_groups(grace.id, ["c"], [], 2, 1_000) is None
    assert await users.change_groups(grace.id, ["c"], ["a"], 2, 1_000) == ("b", "c")


async def test_groups_take_so_many_bytes_of_json_and_more_only_where_they_did_before(
    users: Users, ambient: FakeAmbient
) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"one")
    assert await users.change_groups(grace.id, ["aa", "bb"], [], 9, len('["aa","bb"]')) == ("aa", "bb")
    assert await users.change_groups(grace.id, ["c"], [], 9, len('["aa","bb","c"]') - 1) is None
    assert await users.change_groups(grace.id, ["cc"], ["bb"], 9, 1) == ("aa", "cc")
    assert await users.change_groups(grace.id, ["d"], [], 9, 1) is None
    assert await users.change_groups(grace.id, [], ["cc"], 9, 1) == ("aa",)


async def test_parallel_changes_of_groups_all_happen(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"one")
    await asyncio.gather(*(users.change_groups(grace.id, [str(one)], [], 10, 1_000) for one in range(10)))
    changed = await users.by_id(grace.id)
    assert changed
    assert changed.groups == tuple(str(one) for one in range(10))


def test_the_columns_of_a_user_stand_in_the_order_of_its_fields() -> None:
    assert [field.name for field in fields(User)] == USER_FIELDS


async def test_claims_are_added_replaced_and_removed_in_one_step(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"digest")
    assert await users.change_claims(grace.id, '{"tier": 3, "team": "ä"}', [], 1_000) == '{"team": "ä", "tier": 3}'
    changed = await users.change_claims(grace.id, '{"tier": [1, {"a": true}]}', ["team", "none"], 1_000)
    assert changed == '{"tier": [1, {"a": true}]}'
    kept = await users.by_id(grace.id)
    assert kept is not None
    assert kept.claims == changed
    assert await users.change_claims(ambient.new_uuid(), "{}", [], 1_000) is None


async def test_claims_that_together_take_too_many_bytes_are_not_changed(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"digest")
    whole = '{"a": "äää"}'
    size = len(whole.encode())
    assert await users.change_claims(grace.id, whole, [], size - 1) is None
    assert await users.change_claims(grace.id, whole, [], size) == whole
    assert await users.change_claims(grace.id, '{"b": 1}', [], size) is None
    assert await users.change_claims(grace.id, '{"b": 1}', ["a"], size) == '{"b": 1}'


async def test_of_parallel_changes_of_claims_none_is_lost(users: Users, ambient: FakeAmbient) -> None:
    grace = builders.user(ambient)
    await users.add(grace, b"digest")
    names = [f"n{number}" for number in range(20)]
    await asyncio.gather(*(users.change_claims(grace.id, f'{{"{name}": 1}}', [], 1_000) for name in names))
    kept = await users.by_id(grace.id)
    assert kept is not None
    assert set(json.loads(kept.claims)) == set(names)
