"""What the signing keys' store promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.stores.signing_keys import PostgresSigningKeys
from tests.support.builders import NOON
from tests.support.fakes import FakeSigningKeys
from tests.support.postgres import open_postgres

HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", "postgres"])
async def keys(request: pytest.FixtureRequest) -> AsyncIterator[SigningKeys]:
    if request.param == "fake":
        yield FakeSigningKeys()
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield PostgresSigningKeys(postgres)


def key(number: int) -> StoredKey:
    return StoredKey(f"key {number}", "RS256", '{"kty": "RSA"}', b"\0sealed\xff", NOON + timedelta(days=number))


async def test_an_empty_store_has_no_keys(keys: SigningKeys) -> None:
    assert list(await keys.all()) == []


async def test_of_ten_first_pairs_at_once_one_is_kept_whole(keys: SigningKeys) -> None:
    pairs = [[key(2 * number + 1), key(2 * number)] for number in range(10)]
    await asyncio.gather(*(keys.add_first(*pair) for pair in pairs))
    assert list(await keys.all()) in pairs


async def test_a_first_key_beside_another_is_not_kept(keys: SigningKeys) -> None:
    await keys.add_first(key(1))
    await keys.add_first(key(2), key(3))
    assert list(await keys.all()) == [key(1)]


async def test_the_newest_key_comes_first(keys: SigningKeys) -> None:
    await keys.add_first(*(key(number) for number in (2, 1, 3)))
    assert list(await keys.all()) == [key(3), key(2), key(1)]


async def test_a_change_sees_all_keys_and_keeps_what_it_returns(keys: SigningKeys) -> None:
    await keys.add_first(key(1), key(2))
    dated = replace(
        key(1), activates_at=NOON, retires_at=NOON + HOUR, killed_at=NOON + 2 * HOUR, sealed_private_jwk=b"!"
    )
    fresh = replace(key(3), ready_at=NOON + HOUR)
    seen: list[StoredKey] = []

    def decide(all_keys: Sequence[StoredKey]) -> Sequence[StoredKey]:
        seen.extend(all_keys)
        return [dated, fresh]

    await keys.change(decide)
    assert seen == [key(2), key(1)]
    assert list(await keys.all()) == [fresh, key(2), dated]


async def test_of_ten_changes_at_once_each_sees_what_the_others_did(keys: SigningKeys) -> None:
    def add_one(all_keys: Sequence[StoredKey]) -> Sequence[StoredKey]:
        return [key(len(all_keys))]

    await asyncio.gather(*(keys.change(add_one) for _ in range(10)))
    assert list(await keys.all()) == [key(number) for number in reversed(range(10))]


async def test_a_change_that_fails_changes_nothing_and_stops_nobody(keys: SigningKeys) -> None:
    def refuse(_: Sequence[StoredKey]) -> Sequence[StoredKey]:
        raise ValueError("not today")

    await keys.add_first(key(1))
    with pytest.raises(ValueError, match="not today"):
        await keys.change(refuse)
    await keys.change(lambda _: [key(2)])
    assert list(await keys.all()) == [key(2), key(1)]


async def test_only_what_is_named_is_removed(keys: SigningKeys) -> None:
    await keys.add_first(key(1), key(2), key(3))
    await keys.remove([])
    await keys.remove(["key 1", "key 3", "no such key"])
    assert list(await keys.all()) == [key(2)]
