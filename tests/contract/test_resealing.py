"""What the stores promise to a change of the secret, in memory and on a real Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pyotp
import pytest

from service.ambient import Ambient
from service.assembly.backends import AllVerifiers, SecondFactorStore
from service.domain.accounts.ports import Users
from service.domain.credentials.api_keys import ApiKey, ApiKeys
from service.domain.operations.models import Resealing
from service.domain.operations.resealing import BATCH, Resealer
from service.domain.seals import Purpose, Seals
from service.domain.second_factors.models import ConfirmedTotp
from service.domain.second_factors.totp import Totp
from service.domain.sessions.models import PendingRevocation
from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.domain.srp.models import StoredVerifier
from service.domain.srp.verifiers import owner_of
from service.stores.second_factors import PostgresSecondFactors
from service.stores.signing_keys import PostgresSigningKeys
from service.stores.srp_verifiers import PostgresVerifiers
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import NOON, SECRET
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_verifiers import FakeVerifiers
from tests.support.fakes import FakeSigningKeys, FakeUsers
from tests.support.postgres import open_postgres

NEW = SECRET[::-1]
NOBODY = UUID(int=0)
Stores = tuple[Users, SigningKeys, SecondFactorStore, AllVerifiers]


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "fake":
        users = FakeUsers()
        yield users, FakeSigningKeys(), FakeSecondFactors(users), FakeVerifiers(users)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            keys, factors = PostgresSigningKeys(postgres), PostgresSecondFactors(postgres)
            yield PostgresUsers(postgres), keys, factors, PostgresVerifiers(postgres)


def resealer(stores: Stores, *secrets: str) -> tuple[Resealer, ApiKeys]:
    seals = Seals(secrets, Ambient())
    api_keys = ApiKeys(seals, Ambient())
    users, keys, factors, verifiers = stores
    return Resealer(
        keys, users, factors, seals, verifiers=verifiers, api_keys=api_keys, events=builders.events()
    ), api_keys


async def members(users: Users, api_keys: ApiKeys, count: int) -> dict[UUID, ApiKey]:
    made = {}
    for _ in range(count):
        person = builders.user(Ambient())
        key, sealed, digest = api_keys.make(person.id)
        await users.add(replace(person, api_key_sealed=sealed), digest)
        made[person.id] = key
    return made


async def test_api_keys_are_shown_in_the_order_of_their_users(stores: Stores) -> None:
    users, _, _, _ = stores
    made = await members(users, resealer(stores, SECRET)[1], 5)
    first = await users.sealed_api_keys(NOBODY, 3)
    rest = await users.sealed_api_keys(first[-1].user_id, 3)
    assert [one.user_id for one in (*first, *rest)] == sorted(made)
    assert not await users.sealed_api_keys(rest[-1].user_id, 3)


async def test_a_key_that_was_replaced_meanwhile_is_not_resealed(stores: Stores) -> None:
    users, _, _, _ = stores
    (user_id,) = await members(users, resealer(stores, SECRET)[1], 1)
    (held,) = await users.sealed_api_keys(NOBODY, 10)
    await users.set_api_key(user_id, b"another key", b"its digest", None, session_id="")
    assert await users.reseal_api_keys([Resealing(user_id, held.sealed, b"anew", b"digest")]) == 0
    assert [one.sealed for one in await users.sealed_api_keys(NOBODY, 10)] == [b"another key"]
    assert await users.by_api_key([b"its digest"], NOON)


async def test_a_new_secret_takes_everything_over_and_the_old_one_may_go(stores: Stores) -> None:
    users, keys, _, _ = stores
    _, old_keys = resealer(stores, SECRET)
    made = await members(users, old_keys, BATCH + 7)
    seal = Seals([SECRET], Ambient()).seal(Purpose.SIGNING_KEY_SEAL, b"private", "kid")
    await keys.add_first(signing_key(seal))
    both, both_keys = resealer(stores, NEW, SECRET)
    newcomers = await members(users, both_keys, 2)
    old_order = resealer(stores, SECRET, NEW)[1]  # an instance that was not told of the new order yet

    for user_id, key in made.items():
        assert (await by_key(users, both_keys, key)) == (await by_key(users, old_order, key)) == user_id
    places: list[tuple[str, UUID]] = []
    done = await both.run(lambda what, place: places.append((what, place)))
    assert {what for what, _ in places} == {"API keys", "TOTP secrets", "verifiers"}
    assert places[0] == ("API keys", UUID(int=0))
    assert ("API keys", max(made | newcomers)) in places
    assert (done.signing_keys, done.api_keys, done.damaged) == (1, BATCH + 7, set())
    for user_id, key in (made | newcomers).items():
        assert await by_key(users, old_order, key) == user_id

    again = await both.run()
    assert (again.signing_keys, again.api_keys, again.damaged) == (0, 0, set())
    seals, alone = Seals([NEW], Ambient()), resealer(stores, NEW)[1]
    for user_id, key in (made | newcomers).items():
        assert await by_key(users, alone, key) == user_id
    for held in await users.sealed_api_keys(NOBODY, 1000):
        assert alone.open(held.user_id, held.sealed) == (made | newcomers)[held.user_id].text
    (kept,) = await keys.all()
    assert seals.open(Purpose.SIGNING_KEY_SEAL, kept.sealed_private_jwk, kept.kid) == b"private"


async def test_what_no_secret_opens_is_named_and_left_alone(stores: Stores) -> None:
    users, keys, _, _ = stores
    _, lost = resealer(stores, "a secret that somebody has lost for good")
    made = await members(users, lost, 1)
    held = await users.sealed_api_keys(NOBODY, 10)
    await keys.add_first(signing_key(b"not a seal"))
    done = await resealer(stores, NEW, SECRET)[0].run()
    assert (done.signing_keys, done.api_keys) == (0, 0)
    assert done.damaged == {"kid", *(str(user_id) for user_id in made)}
    assert list(await users.sealed_api_keys(NOBODY, 10)) == list(held)


async def test_totp_secrets_are_taken_over_too(stores: Stores) -> None:
    users, _, factors, _ = stores
    old, both, new = (Totp(Seals(secrets, Ambient()), Ambient(), "x") for secrets in ([SECRET], [NEW, SECRET], [NEW]))
    secrets: dict[UUID, str] = {}
    for number in range(BATCH + 3):
        person = builders.user(Ambient())
        await users.add(person, person.id.bytes)
        text, sealed = (both if number < 2 else old).make(person.id)
        secrets[person.id] = text
        totp = ConfirmedTotp(user_id=person.id, secret_sealed=sealed, confirmed_at=NOON, step=0)
        await factors.add_totp(totp, [], PendingRevocation(Ambient().new_uuid(), person.id, "factor_added"))
    damaged = builders.user(Ambient())
    await users.add(damaged, b"damaged")
    broken = ConfirmedTotp(user_id=damaged.id, secret_sealed=b"no seal", confirmed_at=NOON, step=0)
    await factors.add_totp(broken, [], PendingRevocation(Ambient().new_uuid(), damaged.id, "factor_added"))

    done = await resealer(stores, NEW, SECRET)[0].run()
    assert done.totp_secrets == BATCH + 1
    assert str(damaged.id) in done.damaged
    for user_id, text in secrets.items():
        sealed_now = await factors.totp_secret(user_id)
        assert sealed_now
        assert new.step_of(user_id, sealed_now, pyotp.TOTP(text).now()) is not None
    assert (await resealer(stores, NEW, SECRET)[0].run()).totp_secrets == 0


async def test_verifiers_of_passwords_are_taken_over_for_the_pool_that_each_is_for(stores: Stores) -> None:
    users, _, _, verifiers = stores
    ambient = Ambient()
    old, both, new = (Seals(secrets, ambient) for secrets in ([SECRET], [NEW, SECRET], [NEW]))
    owners: dict[UUID, str] = {}
    for number in range(BATCH + 3):
        person, pool = builders.user(ambient, password_changed_at=NOON), f"eu_{number % 3}"
        await users.add(person, person.id.bytes)
        sealed = (both if number < 2 else old).seal(Purpose.SRP_VERIFIER_SEAL, b"v", owner_of(person.id, pool))
        await verifiers.put(verifier(person.id, pool, sealed))
        owners[person.id] = owner_of(person.id, pool)
    damaged = builders.user(ambient, password_changed_at=NOON)
    await users.add(damaged, b"damaged")
    await verifiers.put(verifier(damaged.id, "eu_1", b"no seal"))

    done = await resealer(stores, NEW, SECRET)[0].run()
    assert done.verifiers == BATCH + 1
    assert str(damaged.id) in done.damaged
    for user_id, owner in owners.items():
        account = await verifiers.by_id(user_id)
        assert account
        assert account.verifier
        assert new.open(Purpose.SRP_VERIFIER_SEAL, account.verifier.sealed, owner) == b"v"
    assert (await resealer(stores, NEW, SECRET)[0].run()).verifiers == 0


def verifier(user_id: UUID, pool: str, sealed: bytes) -> StoredVerifier:
    return StoredVerifier(user_id=user_id, pool_id=pool, salt=b"salt", sealed=sealed, password_changed_at=NOON)


async def by_key(users: Users, api_keys: ApiKeys, key: ApiKey) -> UUID | None:
    user = await users.by_api_key(api_keys.digests(key), NOON)
    return user.id if user else None


def signing_key(sealed: bytes) -> StoredKey:
    return StoredKey("kid", "RS256", '{"kty":"RSA"}', sealed, NOON, activates_at=NOON)
