"""What the store of users' profiles promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from service.ambient import Ambient
from service.domain.accounts.models import EmailChange, ProfileChange
from service.domain.accounts.ports import FactorChanges, ProfileStore, Users
from service.domain.models import User, UserProfile
from service.domain.recovery.ports import EmailChanges
from service.domain.second_factors.models import ConfirmedTotp
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.ports import PendingRevocations
from service.errors import InvalidTokenError
from service.stores.email_changes import PostgresEmailChanges
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.profiles import PostgresProfiles
from service.stores.second_factors import PostgresSecondFactors
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import NOON, FakeAmbient
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_mails import FakeOutbox
from tests.support.fake_profiles import FakeProfiles
from tests.support.fake_recovery import FakeEmailChanges
from tests.support.fakes import FakeUsers
from tests.support.postgres import open_postgres

SESSION = "session"
KEPT = {"nickname": "A. \U0001f469", "website": 'https://example.com/"\\'}


@dataclass(frozen=True)
class Ground:
    users: Users
    profiles: ProfileStore
    changes: EmailChanges
    factors: FactorChanges
    pending: PendingRevocations
    ambient: FakeAmbient

    async def user(self, **attributes: str) -> User:
        made = builders.user(self.ambient)
        await self.users.add(made, made.id.bytes, attributes)
        return made

    async def shown(self, user_id: UUID) -> UserProfile:
        found = await self.profiles.by_id(user_id)
        assert found
        return found

    async def change(self, user: User, change: ProfileChange) -> bool:
        return await self.profiles.change(user.id, change, session_id=SESSION)

    def ending(self, user: User, kept: str = "") -> PendingRevocation:
        return PendingRevocation(self.ambient.new_uuid(), user.id, "why", kept)

    def to(self, user: User, email: str) -> EmailChange:
        return EmailChange(self.ambient.new_uuid(), user.id, email, email.lower(), NOON)


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest, ambient: FakeAmbient) -> AsyncIterator[Ground]:
    if request.param == "fake":
        users = FakeUsers()
        changes, factors = FakeEmailChanges(users, FakeOutbox(Ambient())), FakeSecondFactors(users)
        yield Ground(users, FakeProfiles(users, factors, changes), changes, factors, users.pending, ambient)
        return
    async with open_postgres(request.getfixturevalue("embedded")) as postgres:
        yield Ground(
            PostgresUsers(postgres),
            PostgresProfiles(postgres),
            PostgresEmailChanges(postgres),
            PostgresSecondFactors(postgres),
            PostgresPendingRevocations(postgres),
            ambient,
        )


async def test_a_user_comes_with_the_attributes_of_the_sign_up(ground: Ground) -> None:
    ada, eve = await ground.user(**KEPT), await ground.user()
    assert await ground.shown(ada.id) == UserProfile(user=ada, attributes=KEPT, has_totp=False)
    assert await ground.shown(eve.id) == UserProfile(user=eve, attributes={}, has_totp=False)
    assert await ground.profiles.by_id(ground.ambient.new_uuid()) is None


async def test_parallel_look_ups_get_each_their_own(ground: Ground) -> None:
    users = [await ground.user(nickname=str(number)) for number in range(5)]
    found = await asyncio.gather(*(ground.shown(user.id) for user in [*users, *users]))
    assert [one.attributes["nickname"] for one in found] == [*"01234", *"01234"]


async def test_it_says_whether_logins_ask_for_totp(ground: Ground) -> None:
    ada, eve = await ground.user(), await ground.user()
    totp = ConfirmedTotp(user_id=ada.id, secret_sealed=b"sealed", confirmed_at=NOON, step=1)
    await ground.factors.keep_totp(totp, ground.ending(ada, SESSION))
    assert not (await ground.shown(ada.id)).has_totp  # it is off
    assert await ground.factors.add_totp(totp, [], ground.ending(ada, SESSION))
    assert (await ground.shown(ada.id)).has_totp
    assert not (await ground.shown(eve.id)).has_totp


async def test_what_is_not_named_stays(ground: Ground) -> None:
    ada, eve = await ground.user(nickname="A.", gender="f", website="w"), await ground.user(nickname="E.")
    change = ProfileChange(first_name="", attributes={"nickname": "B.", "locale": "en"}, removed=["gender", "zoneinfo"])
    assert await ground.change(ada, change)
    assert await ground.shown(ada.id) == UserProfile(
        user=replace(ada, first_name=""),
        attributes={"nickname": "B.", "locale": "en", "website": "w"},
        has_totp=False,
    )
    assert (await ground.shown(eve.id)).attributes == {"nickname": "E."}


async def test_a_change_of_the_address_waits_in_place_of_an_earlier_one(ground: Ground) -> None:
    ada = await ground.user()
    first, second = ground.to(ada, "First@example.com"), ground.to(ada, "second@example.com")
    assert await ground.change(ada, ProfileChange(email_change=first))
    assert await ground.changes.waiting(ada.id) == first
    assert await ground.change(ada, ProfileChange(last_name="King", email_change=second))
    assert await ground.changes.waiting(ada.id) == second
    assert (await ground.shown(ada.id)).user == replace(ada, last_name="King")


async def test_parallel_changes_are_both_made(ground: Ground) -> None:
    ada = await ground.user()
    changes = [ProfileChange(attributes={name: "x"}) for name in ("nickname", "gender", "locale")]
    assert all(await asyncio.gather(*(ground.change(ada, one) for one in changes)))
    assert set((await ground.shown(ada.id)).attributes) == {"nickname", "gender", "locale"}


async def test_of_a_disabled_or_closed_account_nothing_is_changed(ground: Ground) -> None:
    ada = await ground.user()
    await ground.users.disable(NOON, ground.ending(ada, SESSION))
    change = ProfileChange(first_name="Eve", email_change=ground.to(ada, "eve@example.com"))
    assert not await ground.change(ada, change)
    assert await ground.changes.waiting(ada.id) is None
    assert (await ground.shown(ada.id)).user.first_name == ada.first_name
    await ground.users.remove(ground.ending(ada, SESSION))
    assert not await ground.change(ada, change)


async def test_a_session_that_is_being_ended_changes_nothing(ground: Ground) -> None:
    ada = await ground.user()
    await ground.pending.add(ground.ending(ada, kept="another"))
    with pytest.raises(InvalidTokenError):
        await ground.change(ada, ProfileChange(first_name="Eve"))
    assert (await ground.shown(ada.id)).user == ada
