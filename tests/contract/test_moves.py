"""What the store of moving accounts promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.ambient import Ambient
from service.domain.accounts.models import EmailChange
from service.domain.accounts.ports import Users
from service.domain.events.audit_trail import AuditTrail, Entry
from service.domain.events.security_events import Event, Name, Reason
from service.domain.mail.ports import Outbox
from service.domain.transfer.models import Holder, KeptUser, NewRow
from service.domain.transfer.ports import Moves
from service.stores.audit import PostgresAuditTrail
from service.stores.moves import PostgresMoves
from service.stores.outbox import PostgresOutbox
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.fake_mails import FakeOutbox
from tests.support.fake_moves import FakeMoves
from tests.support.fake_recovery import FakeEmailChanges
from tests.support.fakes import FakeAuditTrail, FakeUsers
from tests.support.postgres import open_postgres

GIVE_UP = """
    INSERT INTO email_changes (
        id, user_id, email, canonical_email, was_verified, requested_at, changed_at, undo_until
    )
    VALUES ($1, $2, $3, $4, true, $5, $6, $7)
"""


@dataclass(frozen=True)
class Ground:
    users: Users
    moves: Moves
    outbox: Outbox
    trail: AuditTrail
    ambient: Ambient
    give_up: Callable[[EmailChange], Awaitable[object]]

    def row(self, *, is_mailed: bool = False, **fields: object) -> NewRow:
        user = builders.user(self.ambient, **fields)
        mail = self.ambient.new_uuid() if is_mailed else None
        event = Event(Name.USER_CREATED, reason=Reason.IMPORTED, user_id=user.id, operator="ada")
        return NewRow(
            user=user,
            api_key_digest=user.id.bytes,
            attributes={"nickname": 'A "\\ä'},
            entry=Entry(self.ambient.new_uuid(), self.ambient.now().replace(microsecond=0), event),
            reset_mail=mail,
        )

    async def told(self) -> list[Entry]:
        return list(await self.trail.latest(self.ambient.now() - timedelta(days=1), 10))


@pytest.fixture(params=["fake", "real"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    ambient = Ambient()
    if request.param == "fake":
        users, outbox, trail = FakeUsers(), FakeOutbox(ambient), FakeAuditTrail()
        changes = FakeEmailChanges(users, outbox)

        async def give_up(change: EmailChange) -> None:
            changes.rows[change.id] = change

        yield Ground(users, FakeMoves(users, outbox, trail), outbox, trail, ambient, give_up)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            yield Ground(
                PostgresUsers(postgres),
                PostgresMoves(postgres),
                PostgresOutbox(postgres),
                PostgresAuditTrail(postgres),
                ambient,
                lambda change: postgres.execute(
                    GIVE_UP,
                    change.id,
                    change.user_id,
                    change.email,
                    change.canonical_email,
                    change.requested_at,
                    change.changed_at,
                    change.undo_until,
                ),
            )


async def test_accounts_are_added_whole(ground: Ground) -> None:
    now = ground.ambient.now().replace(microsecond=0)
    rows = [
        ground.row(
            groups=("a", "b"),
            language="de",
            disabled_at=now,
            email_verified_at=now,
            must_prove_address=True,
            created_at=now,
            claims='{"plan": "grün", "seats": 3}',
        ),
        ground.row(password_hash="", first_name="", last_name="Ünï"),
    ]
    assert set(await ground.moves.add(rows)) == {row.user.id for row in rows}
    for row in rows:
        kept = await ground.users.by_id(row.user.id)
        assert kept is not None
        at = kept.password_changed_at, kept.created_at
        assert (
            replace(kept, password_changed_at=row.user.password_changed_at, created_at=row.user.created_at) == row.user
        )
        assert all(
            abs(one - other) < timedelta(seconds=2) for one, other in zip(at, [ground.ambient.now()] * 2, strict=True)
        )
    assert await ground.users.by_api_key([rows[0].user.id.bytes], now) is not None


async def test_one_whose_address_or_id_is_taken_is_left_out(ground: Ground) -> None:
    first, second = ground.row(), ground.row()
    await ground.moves.add([first])
    same_address = ground.row(canonical_email=first.user.canonical_email, email="Other@example.com", is_mailed=True)
    same_id = ground.row(id=first.user.id)
    assert set(await ground.moves.add([same_address, second, same_id])) == {second.user.id}
    assert await ground.users.by_id(first.user.id) is not None
    assert await ground.users.by_email(same_id.user.canonical_email) is None
    assert await ground.outbox.claim(10, timedelta(hours=1)) == []
    assert {entry.event.user_id for entry in await ground.told()} == {first.user.id, second.user.id}
    assert set(await ground.moves.add([first, second])) == set()


async def test_of_logins_that_make_the_same_account_one_does(ground: Ground) -> None:
    first = ground.row(groups=("staff",))
    same: dict[str, Any] = {"canonical_email": first.user.canonical_email, "email": first.user.email}
    rivals = [first, *(ground.row(**same) for _ in range(4)), ground.row(**same, id=first.user.id)]
    added = await asyncio.gather(*map(ground.moves.add_one, rivals))
    assert added.count(True) == 1
    kept = await ground.users.by_email(first.user.canonical_email)
    assert kept is not None
    assert kept.id == rivals[added.index(True)].user.id
    assert not await ground.moves.add_one(ground.row(id=kept.id))  # whose address is free


async def test_what_the_trail_is_told_is_stored_with_the_account(ground: Ground) -> None:
    row, silent = ground.row(), replace(ground.row(), entry=None)
    await ground.moves.add([row, silent])
    assert await ground.told() == [row.entry]


async def test_what_the_trail_is_told_of_a_login_that_makes_an_account_is_stored_with_it(ground: Ground) -> None:
    row, silent, rival = ground.row(), replace(ground.row(), entry=None), ground.row()
    assert await ground.moves.add_one(row)
    assert await ground.moves.add_one(silent)
    assert not await ground.moves.add_one(replace(rival, user=replace(rival.user, id=row.user.id)))
    assert await ground.told() == [row.entry]


async def test_an_address_that_was_given_up_is_known_as_long_as_it_can_be_taken_back(ground: Ground) -> None:
    now = ground.ambient.now()
    until = now + timedelta(days=1)
    owner = ground.row()
    await ground.moves.add([owner])
    change = EmailChange(
        id=ground.ambient.new_uuid(),
        user_id=owner.user.id,
        email="old@example.com",
        canonical_email="old@example.com",
        requested_at=now,
        changed_at=now,
        undo_until=until,
    )
    await ground.give_up(change)
    asked = ["old@example.com", "other@example.com"]
    assert list(await ground.moves.given_up(asked, until - timedelta(seconds=1))) == ["old@example.com"]
    assert list(await ground.moves.given_up(asked, until)) == []
    row = ground.row(email="old@example.com", canonical_email="old@example.com", password_changed_at=now)
    assert list(await ground.moves.add([row])) == []
    later = replace(row, user=replace(row.user, password_changed_at=until))
    assert list(await ground.moves.add([later])) == [row.user.id]


async def test_accounts_are_found_by_address_and_by_id(ground: Ground) -> None:
    one, other, third = (
        ground.row(email="Ada@example.com", canonical_email="ada@example.com"),
        ground.row(),
        ground.row(),
    )
    await ground.moves.add([one, other, third])
    held = await ground.moves.holders(
        ["ada@example.com", "nobody@example.com"], [other.user.id, ground.ambient.new_uuid()]
    )
    assert {holder.id for holder in held} == {one.user.id, other.user.id}
    assert Holder(one.user.id, "Ada@example.com", "ada@example.com") in held
    assert list(await ground.moves.holders([], [])) == []


async def test_a_reset_is_filed_with_the_account(ground: Ground) -> None:
    await ground.moves.add(
        [ground.row(), ground.row(is_mailed=True, email="Bo@x.example", canonical_email="bo@x.example", language="fr")]
    )
    [mail] = await ground.outbox.claim(10, timedelta(hours=1))
    assert (mail.kind, mail.recipient, mail.language, mail.user_id, mail.facts) == (
        "reset",
        "bo@x.example",
        "fr",
        None,
        {},
    )


async def test_accounts_are_read_by_id_page_by_page(ground: Ground) -> None:
    rows = sorted((ground.row() for _ in range(5)), key=lambda row: row.user.id)
    await ground.moves.add(rows)
    place = UUID(int=0)
    found: list[KeptUser] = []
    while page := await ground.moves.page(place, 2):
        assert len(page) <= 2
        found += page
        place = page[-1].user.id
    assert [kept.user.id for kept in found] == [row.user.id for row in rows]
    assert found[0].attributes == {"nickname": 'A "\\ä'}
