"""What the stores promise of invitations, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.domain.accounts.models import Invitation
from service.domain.accounts.ports import InvitationStore, Users
from service.domain.models import User
from service.errors import EmailTakenError, InvalidInvitationError
from service.stores import invitations as stored
from service.stores.invitations import PostgresInvitations
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fake_invitations import FakeInvitations
from tests.support.fakes import FakeUsers
from tests.support.postgres import open_postgres


@dataclass(frozen=True)
class Ground:
    users: Users
    invitations: InvitationStore
    reserve: Any  # an address, as that of a change that can be undone


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "fake":
        users = FakeUsers()

        async def reserve(email: str, _: User, until: datetime) -> None:
            users.is_reserved = lambda asked, now: asked == email and now < until

        yield Ground(users, FakeInvitations(users), reserve)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:

            async def enter(email: str, user: User, until: datetime) -> None:
                await postgres.execute(
                    "INSERT INTO email_changes VALUES (gen_random_uuid(), $1, $2, $2, false, now(), now(), $3)",
                    user.id,
                    email,
                    until,
                )

            yield Ground(PostgresUsers(postgres), PostgresInvitations(postgres), enter)


async def invited(ground: Ground, ambient: FakeAmbient, **fields: Any) -> Invitation:
    made: dict[str, Any] = {
        "id": ambient.new_uuid(),
        "email": "",
        "canonical_email": "",
        "is_mailed": False,
        "created_at": ambient.now(),
        "expires_at": ambient.now() + timedelta(days=7),
    }
    one = Invitation(**made | fields)
    await ground.invitations.add(one)
    return one


async def test_an_invitation_is_found_as_it_was_made(ground: Ground, ambient: FakeAmbient) -> None:
    one = await invited(ground, ambient, email="Ada@Example.com", canonical_email="ada@example.com", is_mailed=True)
    assert await ground.invitations.find(one.id, ambient.now()) == one
    assert await ground.invitations.find(ambient.new_uuid(), ambient.now()) is None


async def test_it_is_good_until_it_expires_and_then_removed(ground: Ground, ambient: FakeAmbient) -> None:
    one = await invited(ground, ambient)
    ambient.advance(days=7, microseconds=-1)
    assert await ground.invitations.find(one.id, ambient.now()) == one
    await ground.invitations.delete_expired(ambient.now())
    assert await ground.invitations.latest(ambient.now(), 10) == [one]
    ambient.advance(microseconds=1)
    assert await ground.invitations.find(one.id, ambient.now()) is None
    assert await ground.invitations.latest(ambient.now(), 10) == []
    await ground.invitations.delete_expired(ambient.now())
    assert not await ground.invitations.remove(one.id)


async def test_all_that_expired_are_removed_however_many_they_are(
    ground: Ground, ambient: FakeAmbient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "AT_ONCE", 2)
    gone = [await invited(ground, ambient, expires_at=ambient.now()) for _ in range(5)]
    await ground.invitations.delete_expired(ambient.now())
    assert not any([await ground.invitations.remove(one.id) for one in gone])


async def test_the_newest_are_listed_first_and_no_more_than_asked_for(ground: Ground, ambient: FakeAmbient) -> None:
    made = []
    for _ in range(3):
        made.append(await invited(ground, ambient))
        ambient.advance(seconds=1)
    assert await ground.invitations.latest(ambient.now(), 2) == [made[2], made[1]]


async def test_of_many_accounts_with_one_invitation_there_is_one(ground: Ground, ambient: FakeAmbient) -> None:
    one = await invited(ground, ambient)
    people = [builders.user(ambient) for _ in range(20)]
    outcomes = await asyncio.gather(
        *(ground.users.add(user, user.id.bytes, {}, one.id) for user in people), return_exceptions=True
    )
    assert sum(isinstance(outcome, InvalidInvitationError) for outcome in outcomes) == 19
    assert len([user for user in people if await ground.users.by_id(user.id)]) == 1
    assert await ground.invitations.find(one.id, ambient.now()) is None


@pytest.mark.parametrize("why", ["expired", "ended", "of another address"])
async def test_with_an_invitation_that_is_not_good_there_is_no_account(
    ground: Ground, ambient: FakeAmbient, why: str
) -> None:
    address = "other@example.com" if why == "of another address" else ""
    one = await invited(ground, ambient, canonical_email=address, email=address)
    if why == "expired":
        ambient.advance(days=7)
    if why == "ended":
        assert await ground.invitations.remove(one.id)
    grace = builders.user(ambient)
    with pytest.raises(InvalidInvitationError):
        await ground.users.add(grace, b"digest", {}, one.id)
    assert await ground.users.by_id(grace.id) is None
    if why == "of another address":
        assert await ground.invitations.find(one.id, ambient.now()) == one


async def test_an_account_that_cannot_be_made_leaves_its_invitation_good(ground: Ground, ambient: FakeAmbient) -> None:
    one = await invited(ground, ambient)
    grace = builders.user(ambient)
    await ground.users.add(grace, b"digest")
    await ground.reserve("reserved@example.com", grace, ambient.now() + timedelta(days=1))
    for taken in (grace.canonical_email, "reserved@example.com"):
        rival = builders.user(ambient, email=taken, canonical_email=taken)
        with pytest.raises(EmailTakenError):
            await ground.users.add(rival, b"another", {}, one.id)
    assert await ground.invitations.find(one.id, ambient.now()) == one


async def test_a_taken_address_is_told_to_nobody_without_a_good_invitation(
    ground: Ground, ambient: FakeAmbient
) -> None:
    grace = builders.user(ambient)
    await ground.users.add(grace, b"digest")
    rival = builders.user(ambient, email=grace.email, canonical_email=grace.canonical_email)
    with pytest.raises(InvalidInvitationError):
        await ground.users.add(rival, b"another", {}, ambient.new_uuid())


async def test_all_that_is_known_of_a_new_account_is_kept(ground: Ground, ambient: FakeAmbient) -> None:
    one = await invited(ground, ambient)
    grace = builders.user(
        ambient, email_verified_at=ambient.now(), groups=("admins", "staff"), claims='{"tier": 3}', language="de"
    )
    await ground.users.add(grace, b"digest", {}, one.id)
    assert await ground.users.by_id(grace.id) == grace
