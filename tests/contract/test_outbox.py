"""What the outbox promises, in memory and on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.domain.mail.models import Kind, Mail, OutboxState, Wish
from service.stores import outbox as store
from service.stores.outbox import PostgresOutbox
from service.stores.postgres import Postgres
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fake_mails import FakeOutbox
from tests.support.postgres import open_postgres

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=each) for each in (1, 60, 3_600, 86_400))
ADA, GRACE, NOBODY = UUID(int=1), UUID(int=2), UUID(int=3)
AGE = (
    "UPDATE mails SET created_at = created_at - $1::interval, due_at = due_at - $1::interval,"
    " failed_at = failed_at - $1::interval"
)
STRANGE = "UPDATE mails SET kind = 'postcard'"


@dataclass(frozen=True)
class Ground:
    outbox: FakeOutbox | PostgresOutbox
    advance: Callable[[timedelta], Awaitable[None]]
    postgres: Postgres | None = None


@pytest.fixture(params=["fake", "postgres"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "fake":
        ambient = FakeAmbient()

        async def wait(span: timedelta) -> None:
            ambient.advance(seconds=span.total_seconds())

        yield Ground(FakeOutbox(ambient, {ADA, GRACE}.__contains__), wait)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            users = PostgresUsers(postgres)
            for number in (ADA, GRACE):
                await users.add(builders.user(FakeAmbient(), id=number), number.bytes)

            async def age(span: timedelta) -> None:
                await postgres.execute(AGE, span)

            yield Ground(PostgresOutbox(postgres), age, postgres)


@pytest.fixture
def outbox(ground: Ground) -> FakeOutbox | PostgresOutbox:
    return ground.outbox


Outboxes = FakeOutbox | PostgresOutbox


def wish(recipient: str = "ada@example.com", **fields: object) -> Wish:
    return Wish(**({"kind": Kind.RESET, "recipient": recipient} | fields))  # type: ignore[arg-type] # any of its fields


def mail_id(number: int) -> UUID:
    return UUID(int=1_000 + number)


async def file(ground: Ground, count: int) -> None:
    """A second between each and the next."""
    for number in range(count):
        await ground.outbox.add(mail_id(number), wish(f"ada{number}@example.com"))
        await ground.advance(SECOND)


def numbers(mails: object) -> list[int]:
    assert isinstance(mails, list)
    return [mail.id.int - 1_000 for mail in mails]


async def test_a_mail_comes_out_as_it_was_wished_for(outbox: Outboxes) -> None:
    whole = wish("Ada@Example.com", user_id=ADA, language="de-AT", facts={"what": "x", "at": "ünl"}, kind=Kind.NOTICE)
    created_at = await outbox.add(mail_id(1), whole)
    (mail,) = await outbox.claim(10, MINUTE)
    assert mail.created_at == created_at
    assert (mail.id, mail.attempts, mail.created_at.tzinfo is not None) == (mail_id(1), 1, True)
    assert wish(mail.recipient, user_id=mail.user_id, language=mail.language, facts=mail.facts, kind=mail.kind) == whole


async def test_the_oldest_are_claimed_first_and_by_nobody_else(ground: Ground) -> None:
    await file(ground, 5)
    assert numbers(await ground.outbox.claim(2, HOUR)) == [0, 1]
    assert numbers(await ground.outbox.claim(2, HOUR)) == [2, 3]
    assert numbers(await ground.outbox.claim(2, HOUR)) == [4]
    assert numbers(await ground.outbox.claim(2, HOUR)) == []
    assert numbers(await ground.outbox.claim(0, HOUR)) == []


async def test_parallel_claims_share_the_mails_without_waiting_for_each_other(ground: Ground) -> None:
    await file(ground, 40)
    claimed = await asyncio.gather(*(ground.outbox.claim(4, HOUR) for _ in range(8)))
    found = sorted(number for mails in claimed for number in numbers(mails))
    assert len(found) == len(set(found))
    while more := await ground.outbox.claim(4, HOUR):
        found += numbers(more)
    assert sorted(found) == list(range(40))


async def test_a_claim_neither_waits_for_another_that_is_going_on_nor_takes_its_mails(ground: Ground) -> None:
    if ground.postgres is None:
        return
    await file(ground, 4)
    async with ground.postgres.connection() as connection, connection.transaction():
        await connection.fetch(store.CLAIM, 2, HOUR)
        assert numbers(await ground.outbox.claim(2, HOUR)) == [2, 3]


async def test_a_claimed_mail_is_due_again_when_its_lease_is_over(ground: Ground) -> None:
    await file(ground, 1)
    await ground.outbox.claim(1, MINUTE)
    await ground.advance(MINUTE - 5 * SECOND)
    assert await ground.outbox.claim(1, MINUTE) == []
    await ground.advance(6 * SECOND)
    (mail,) = await ground.outbox.claim(1, MINUTE)
    assert mail.attempts == 2


async def test_a_postponed_mail_is_due_after_its_pause_and_one_that_is_put_back_as_if_nothing_had_been(
    ground: Ground,
) -> None:
    await file(ground, 2)
    await ground.outbox.claim(2, HOUR)
    await ground.outbox.postpone(mail_id(0), MINUTE, "451 later")
    await ground.outbox.put_back(mail_id(1), 2 * MINUTE)
    await ground.advance(MINUTE + SECOND)
    assert [(mail.id, mail.attempts) for mail in await ground.outbox.claim(2, HOUR)] == [(mail_id(0), 2)]
    await ground.advance(MINUTE + SECOND)
    assert [(mail.id, mail.attempts) for mail in await ground.outbox.claim(2, HOUR)] == [(mail_id(1), 1)]


async def test_a_mail_that_was_given_up_stays_for_the_operator_and_is_never_due(ground: Ground) -> None:
    await file(ground, 3)
    await ground.outbox.claim(3, MINUTE)
    await ground.outbox.give_up(mail_id(0), "550 unknown")
    await ground.outbox.give_up(mail_id(1), "554 \0no" + "o" * 1_000)
    await ground.advance(DAY)
    await ground.outbox.postpone(mail_id(0), timedelta(), "x")
    await ground.outbox.put_back(mail_id(0), timedelta())
    assert numbers(await ground.outbox.claim(3, HOUR)) == [2]
    state = await ground.outbox.state()
    assert (state.waiting, state.failed) == (1, 2)
    assert state.last_reply.startswith("554")
    assert len(state.last_reply) <= 500


async def test_a_sent_mail_is_gone(ground: Ground) -> None:
    await file(ground, 1)
    await ground.outbox.claim(1, MINUTE)
    await ground.outbox.remove(mail_id(0))
    await ground.outbox.remove(mail_id(0))
    await ground.advance(HOUR)
    assert await ground.outbox.claim(1, MINUTE) == []
    assert await ground.outbox.state() == OutboxState(waiting=0, oldest=timedelta(), failed=0, last_reply="")


async def test_the_age_of_the_oldest_is_told_whether_it_is_due_or_not(ground: Ground) -> None:
    await file(ground, 2)
    await ground.outbox.claim(1, HOUR)
    await ground.advance(MINUTE)
    state = await ground.outbox.state()
    assert state.waiting == 2
    assert timedelta(seconds=62) <= state.oldest < timedelta(seconds=92)


async def test_a_wish_of_a_user_who_is_gone_and_one_to_no_address_are_dropped(outbox: Outboxes) -> None:
    assert await outbox.add(mail_id(1), wish(user_id=NOBODY)) is None
    assert await outbox.add(mail_id(2), wish("a\0b")) is None
    await outbox.add(mail_id(3), wish(user_id=GRACE))
    assert numbers(await outbox.claim(9, HOUR)) == [3]


async def test_a_kept_mail_is_shown_and_neither_sent_nor_removed(ground: Ground) -> None:
    await file(ground, 3)
    mails = await ground.outbox.claim(3, MINUTE)
    for mail in mails[:2]:
        await ground.outbox.keep(mail, b"From: \xff")
        await ground.outbox.remove(mail.id)
    await ground.advance(DAY)
    assert numbers(await ground.outbox.claim(3, HOUR)) == [2]
    kept = await ground.outbox.kept(10)
    assert [(one.id, one.kind, one.recipient, one.rendered) for one in kept] == [
        (mail_id(number), Kind.RESET, f"ada{number}@example.com", b"From: \xff") for number in (1, 0)
    ]
    assert numbers(list(await ground.outbox.kept(1))) == [1]
    assert numbers(list(await ground.outbox.kept(9, "ADA0@example.com"))) == [0]
    assert list(await ground.outbox.kept(9, "ada@example.com")) == []
    assert await ground.outbox.kept_one(mail_id(1)) == kept[0]
    assert await ground.outbox.kept_one(mail_id(2)) is None


async def test_a_mail_that_was_in_no_outbox_is_kept_as_well(outbox: Outboxes) -> None:
    one = Mail(
        id=mail_id(1), kind=Kind.NOTICE, recipient="ada@example.com", created_at=builders.NOON, attempts=1, facts={}
    )
    await outbox.keep(one, b"first")
    await outbox.keep(replace(one, recipient="grace@example.com"), b"again")
    (kept,) = await outbox.kept(10)
    assert (kept.recipient, kept.rendered) == ("grace@example.com", b"again")


async def test_what_was_given_up_or_kept_is_deleted_after_its_time_however_much_it_is(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 2)
    await file(ground, 7)
    mails = await ground.outbox.claim(7, MINUTE)
    for mail in mails[:3]:
        await ground.outbox.give_up(mail.id, "550")
    for mail in mails[3:6]:
        await ground.outbox.keep(mail, b"x")
    await ground.advance(DAY)
    await ground.outbox.add(mail_id(9), wish())
    await ground.outbox.give_up(mail_id(9), "550")
    await ground.outbox.delete_expired(HOUR)
    state = await ground.outbox.state()
    assert (state.waiting, state.failed, len(await ground.outbox.kept(10))) == (1, 1, 0)


async def test_what_another_version_files_is_no_defect(ground: Ground) -> None:
    if ground.postgres is None:
        return
    await file(ground, 1)
    await ground.postgres.execute(STRANGE)
    (mail,) = await ground.outbox.claim(1, MINUTE)
    assert mail.kind is Kind.OTHER


async def test_the_mails_of_a_closed_account_go_with_it(ground: Ground) -> None:
    if ground.postgres is None:
        return
    await ground.outbox.add(mail_id(1), wish(user_id=ADA))
    await ground.outbox.add(mail_id(2), wish())
    await ground.postgres.execute("DELETE FROM users")
    assert numbers(await ground.outbox.claim(9, HOUR)) == [2]
