"""What the signing keys' store promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import astuple
from datetime import timedelta

import pytest

from service.domain.models import StoredKey
from service.domain.ports import SigningKeys
from service.stores.signing_keys import PostgresSigningKeys
from tests.builders import NOON
from tests.contract.ground import open_postgres
from tests.fakes import FakeSigningKeys

Put = Callable[[StoredKey], Awaitable[None]]
INSERT = "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_jwk, created_at) VALUES ($1, $2, $3, $4, $5)"


@pytest.fixture(params=["fake", "postgres"])
async def keeper(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SigningKeys, Put]]:
    """The store, and a way past its door to put in a key."""
    if request.param == "fake":
        fake = FakeSigningKeys()

        async def append(key: StoredKey) -> None:
            fake.keys.append(key)

        yield fake, append
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:

            async def insert(key: StoredKey) -> None:
                await postgres.execute(INSERT, *astuple(key))

            yield PostgresSigningKeys(postgres), insert


def key(number: int) -> StoredKey:
    return StoredKey(f"key {number}", "RS256", '{"kty": "RSA"}', b"\0sealed\xff", NOON + timedelta(days=number))


async def test_an_empty_store_has_no_keys(keeper: tuple[SigningKeys, Put]) -> None:
    keys, _ = keeper
    assert list(await keys.all()) == []


async def test_ten_first_keys_at_once_leave_one(keeper: tuple[SigningKeys, Put]) -> None:
    keys, _ = keeper
    candidates = [key(number) for number in range(10)]
    await asyncio.gather(*(keys.add_first(candidate) for candidate in candidates))
    (kept,) = await keys.all()
    assert kept in candidates


async def test_a_first_key_beside_another_is_not_kept(keeper: tuple[SigningKeys, Put]) -> None:
    keys, _ = keeper
    await keys.add_first(key(1))
    await keys.add_first(key(2))
    assert list(await keys.all()) == [key(1)]


async def test_the_newest_key_comes_first(keeper: tuple[SigningKeys, Put]) -> None:
    keys, put = keeper
    for number in (2, 1, 3):
        await put(key(number))
    assert list(await keys.all()) == [key(3), key(2), key(1)]
