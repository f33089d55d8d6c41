"""What is promised of changes by somebody who reads an account's mails, in memory and on a real Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from service.domain.accounts.models import EmailChange
from service.domain.accounts.ports import Users
from service.domain.mail.models import Kind, Mail
from service.domain.mail.ports import Outbox
from service.domain.models import User
from service.domain.recovery.models import ConfirmedChange, NewApiKey, PasswordReset, UndoneChange
from service.domain.recovery.ports import EmailChanges, ProvedUsers
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.ports import PendingRevocations
from service.errors import EmailTakenError, InvalidTokenError
from service.stores.email_changes import PostgresEmailChanges
from service.stores.outbox import PostgresOutbox
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.postgres import Postgres
from service.stores.proved_users import PostgresProvedUsers
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import NOON, FakeAmbient
from tests.support.fake_mails import FakeOutbox
from tests.support.fake_recovery import FakeEmailChanges, FakeProvedUsers
from tests.support.fakes import FakePendingRevocations, FakeUsers
from tests.support.postgres import open_postgres

SAID = {"phone_number": "+4915112345678"}
SECOND, WEEK = timedelta(seconds=1), timedelta(days=7)
NEW_KEY = NewApiKey(b"new sealed", b"new digest")


@dataclass(frozen=True)
class Stores:
    users: Users
    proved: ProvedUsers
    changes: EmailChanges
    pending: PendingRevocations
    outbox: Outbox
    ambient: FakeAmbient
    postgres: Postgres | None = None

    async def user(self, **fields: object) -> User:
        made = builders.user(self.ambient, **fields)
        await self.users.add(replace(made, email_verified_at=None), made.id.bytes, SAID)
        if made.email_verified_at:
            assert await self.proved.prove(made, made.email_verified_at)
        return made

    async def attributes(self, user: User) -> dict[str, str]:
        if isinstance(self.users, FakeUsers):
            return self.users.attributes[user.id]
        assert self.postgres
        row = await self.postgres.fetchrow("SELECT attributes FROM users WHERE id = $1", user.id)
        assert row
        return dict(json.loads(row["attributes"]))

    async def move_in(self, email: str) -> None:
        """Another account at this address, by a sign-up that was a moment faster than what reserves it."""
        other = await self.user()
        if isinstance(self.users, FakeUsers):
            self.users.rows[other.id] = replace(other, canonical_email=email)
        elif self.postgres:
            await self.postgres.execute("UPDATE users SET canonical_email = $2 WHERE id = $1", other.id, email)

    async def now(self, user: User) -> User:
        found = await self.users.by_id(user.id)
        assert found
        return found

    async def endings(self) -> list[tuple[UUID, str, str]]:
        """Of users, why, and the sessions that are kept."""
        if self.postgres:
            rows = await self.postgres.fetch("SELECT user_id, reason, kept_session FROM pending_endings")
            return [(row["user_id"], row["reason"], row["kept_session"]) for row in rows]
        assert isinstance(self.pending, FakePendingRevocations)
        return [(one.user_id, one.reason, one.kept_session) for one in self.pending.rows.values()]

    async def mails(self) -> list[Mail]:
        return list(await self.outbox.claim(100, SECOND))

    def ending(self, user: User, at: datetime | None = None, kept: str = "") -> PendingRevocation:
        return PendingRevocation(self.ambient.new_uuid(), user.id, "why", kept, at)

    async def request(self, user: User, email: str, after: timedelta = SECOND) -> EmailChange:
        change = EmailChange(self.ambient.new_uuid(), user.id, email, email.lower(), NOON + after)
        await self.changes.request(change, session_id="")
        return change

    async def confirm(
        self, change: EmailChange, before: User, at: datetime = NOON + SECOND, *, is_proved: bool = True
    ) -> str | None:
        confirmed = ConfirmedChange(
            change_id=change.id,
            before=before,
            at=at,
            undo_until=at + WEEK,
            ending=self.ending(before, kept="mine"),
            mail_id=self.ambient.new_uuid(),
            is_proved=is_proved,
        )
        return await self.changes.confirm(confirmed)

    async def undo(self, change: EmailChange, user: User, at: datetime = NOON + 2 * SECOND) -> bool:
        undone = UndoneChange(
            change_id=change.id,
            at=at,
            password_hash="random",
            ending=self.ending(user, at),
            api_key=NEW_KEY,
            mail_id=self.ambient.new_uuid(),
        )
        return await self.changes.undo(undone)

    async def reset(
        self, before: User, *, replace_api_key: bool = False, key: NewApiKey = NEW_KEY, is_first_proof: bool = False
    ) -> bool | None:
        at = NOON + SECOND
        reset = PasswordReset(
            before=before,
            password_hash="new hash",
            at=at,
            ending=self.ending(before, at),
            api_key=key,
            replace_api_key=replace_api_key,
            is_first_proof=is_first_proof,
        )
        return await self.proved.reset(reset)


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest, ambient: FakeAmbient) -> AsyncIterator[Stores]:
    if request.param == "fake":
        pending = FakePendingRevocations(ambient)
        users = FakeUsers(pending)
        outbox = FakeOutbox(ambient)
        changes = FakeEmailChanges(users, outbox)
        yield Stores(users, FakeProvedUsers(users, changes), changes, pending, outbox, ambient)
    else:
        async with open_postgres(request.getfixturevalue("embedded")) as postgres:
            real = PostgresUsers(postgres)
            yield Stores(
                real,
                PostgresProvedUsers(postgres, real),
                PostgresEmailChanges(postgres),
                PostgresPendingRevocations(postgres),
                PostgresOutbox(postgres),
                ambient,
                postgres,
            )


# --- a new password


async def test_a_first_proof_changes_the_password_the_key_and_the_proof(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    assert await stores.reset(grace) is True
    at = NOON + SECOND
    expected = replace(
        grace, password_hash="new hash", password_changed_at=at, email_verified_at=at, api_key_sealed=b"new sealed"
    )
    assert await stores.now(grace) == expected
    assert await stores.users.by_api_key([b"new digest"], NOON) == expected
    assert await stores.users.by_api_key([grace.id.bytes], NOON) is None
    assert await stores.endings() == [(grace.id, "why", "")]
    assert await stores.now(ada) == ada


async def test_a_later_proof_changes_the_password_alone(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    assert await stores.reset(grace) is False
    now = await stores.now(grace)
    assert now == replace(grace, password_hash="new hash", password_changed_at=NOON + SECOND)
    assert await stores.users.by_api_key([grace.id.bytes], NOON) == now


async def test_attributes_go_at_the_first_proof_alone(stores: Stores) -> None:
    grace, ada, eve = await stores.user(), await stores.user(email_verified_at=NOON), await stores.user()
    assert await stores.reset(replace(grace, password_changed_at=NOON - SECOND)) is None
    assert await stores.attributes(grace) == SAID
    assert await stores.reset(grace) is True
    other = NewApiKey(b"other", b"other")
    assert await stores.reset(ada, replace_api_key=True, key=other) is False
    assert [await stores.attributes(one) for one in (grace, ada, eve)] == [{}, SAID, SAID]


async def test_the_key_of_a_proved_address_is_replaced_at_once_where_that_is_asked_for(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    await stores.users.set_api_key(grace.id, b"middle", b"middle", NOON + timedelta(hours=1), session_id="")
    assert await stores.reset(await stores.now(grace), replace_api_key=True) is False
    assert await stores.users.by_api_key([b"middle", grace.id.bytes], NOON) is None
    assert await stores.users.by_api_key([b"new digest"], NOON)


async def test_an_account_that_is_not_as_it_was_is_not_reset(stores: Stores) -> None:
    grace = await stores.user()
    assert await stores.reset(replace(grace, password_changed_at=NOON - SECOND)) is None
    assert await stores.reset(replace(grace, canonical_email="old@example.com")) is None
    assert await stores.reset(replace(grace, id=stores.ambient.new_uuid())) is None
    disabled = await stores.user()
    await stores.users.disable(NOON, stores.ending(disabled))
    assert await stores.reset(disabled) is None
    assert await stores.now(grace) == grace
    assert [user for user, _, _ in await stores.endings()] == [disabled.id]


async def test_of_parallel_resets_one_is_made(stores: Stores) -> None:
    grace = await stores.user()
    keys = [NewApiKey(b"sealed", bytes([number])) for number in range(20)]
    made = await asyncio.gather(*(stores.reset(grace, key=key) for key in keys))
    assert sorted(made, key=str) == [None] * 19 + [True]
    assert len(await stores.endings()) == 1


async def test_a_reset_ends_a_change_of_address_that_waits(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    made = await stores.request(grace, "second@example.com")
    assert await stores.confirm(made, grace)
    now = await stores.now(grace)
    await stores.request(grace, "third@example.com")
    assert await stores.reset(now) is False
    assert await stores.changes.waiting(grace.id) is None
    assert [one.id for one in await stores.changes.undoable(grace.id, NOON)] == [made.id]


# --- a proof


async def test_an_address_is_proved_once(stores: Stores) -> None:
    grace = await stores.user()
    assert not await stores.proved.prove(replace(grace, canonical_email="old@example.com"), NOON)
    proved = await asyncio.gather(*(stores.proved.prove(grace, NOON + SECOND) for _ in range(10)))
    assert sorted(proved) == [False] * 9 + [True]
    assert await stores.now(grace) == replace(grace, email_verified_at=NOON + SECOND)


async def test_after_the_first_proof_no_login_asks_for_another(stores: Stores) -> None:
    by_code, by_reset = await stores.user(must_prove_address=True), await stores.user(must_prove_address=True)
    assert await stores.proved.prove(by_code, NOON + SECOND)
    assert await stores.reset(by_reset)
    assert not (await stores.now(by_code)).must_prove_address
    assert not (await stores.now(by_reset)).must_prove_address


async def test_a_disabled_account_s_address_is_not_proved(stores: Stores) -> None:
    grace = await stores.user()
    await stores.users.disable(NOON, stores.ending(grace))
    assert not await stores.proved.prove(grace, NOON)


# --- changes of an address


async def test_one_change_waits_the_latest(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    await stores.request(grace, "first@example.com")
    second, other = await stores.request(grace, "Second@example.com"), await stores.request(ada, "first@example.com")
    assert await stores.changes.waiting(grace.id) == second
    assert await stores.changes.waiting(ada.id) == other
    assert await stores.changes.undoable(grace.id, NOON) == []


async def test_a_confirmed_change_is_the_address_and_keeps_the_one_before(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON, language="de")
    change = await stores.request(grace, "Second@example.com")
    assert await stores.confirm(change, grace) == "Second@example.com"
    at = NOON + SECOND
    assert await stores.now(grace) == replace(
        grace, email="Second@example.com", canonical_email="second@example.com", email_verified_at=at
    )
    kept = replace(
        change, email=grace.email, canonical_email=grace.canonical_email, changed_at=at, undo_until=at + WEEK
    )
    assert await stores.changes.undoable(grace.id, at) == [kept]
    assert await stores.changes.undoable(grace.id, at + WEEK) == []
    assert await stores.changes.waiting(grace.id) is None
    assert await stores.endings() == [(grace.id, "why", "mine")]
    (mail,) = await stores.mails()
    assert (mail.kind, mail.recipient, mail.user_id) == (Kind.EMAIL_UNDO, grace.email, grace.id)
    assert (mail.language, mail.facts) == ("de", {"change": str(change.id)})


async def test_a_change_of_an_account_that_is_not_as_it_was_is_not_made(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    change = await stores.request(grace, "second@example.com")
    assert await stores.confirm(change, replace(grace, password_changed_at=NOON - SECOND)) is None
    assert await stores.confirm(change, replace(grace, canonical_email="x@example.com")) is None
    assert await stores.confirm(change, ada) is None
    later = await stores.request(grace, "third@example.com")
    assert await stores.confirm(change, grace) is None
    assert (await stores.now(grace), await stores.mails(), await stores.endings()) == (grace, [], [])
    assert await stores.confirm(later, grace)


async def test_a_change_to_an_address_that_is_taken_leaves_everything(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    change = await stores.request(grace, ada.email.upper())
    assert await stores.confirm(change, grace) is None
    assert (await stores.now(grace), await stores.mails(), await stores.endings()) == (grace, [], [])
    assert await stores.changes.waiting(grace.id) == change


async def test_of_parallel_confirmations_one_is_made(stores: Stores) -> None:
    grace = await stores.user()
    change = await stores.request(grace, "second@example.com")
    made = await asyncio.gather(*(stores.confirm(change, grace) for _ in range(20)))
    assert sorted(made, key=str) == [None] * 19 + ["second@example.com"]
    assert (len(await stores.mails()), len(await stores.endings())) == (1, 1)


async def test_an_undone_change_gives_the_account_back(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    change = await stores.request(grace, "second@example.com")
    await stores.confirm(change, grace)
    await stores.mails()
    at = NOON + 2 * SECOND
    assert await stores.undo(change, grace, at)
    assert await stores.now(grace) == replace(
        grace,
        email_verified_at=at,
        password_hash="random",
        password_changed_at=at,
        api_key_sealed=b"new sealed",
    )
    assert await stores.users.by_api_key([grace.id.bytes], NOON) is None
    assert await stores.users.by_api_key([b"new digest"], NOON)
    assert await stores.changes.undoable(grace.id, NOON) == []
    (mail,) = [one for one in await stores.mails() if one.kind == Kind.RESET]
    assert (mail.recipient, mail.user_id, mail.facts) == (grace.canonical_email, grace.id, {})
    assert len(await stores.endings()) == 2


async def test_a_proof_that_was_not_there_does_not_come_of_undoing(stores: Stores) -> None:
    grace = await stores.user()
    change = await stores.request(grace, "second@example.com")
    await stores.confirm(change, grace)
    assert await stores.undo(change, grace)
    assert (await stores.now(grace)).email_verified_at is None


async def test_a_change_is_undone_once_and_in_time(stores: Stores) -> None:
    grace = await stores.user()
    change = await stores.request(grace, "second@example.com")
    assert not await stores.undo(change, grace)
    await stores.confirm(change, grace)
    assert not await stores.undo(change, grace, NOON + SECOND + WEEK)
    undone = await asyncio.gather(*(stores.undo(change, grace) for _ in range(20)))
    assert sorted(undone) == [False] * 19 + [True]


async def test_undoing_takes_later_changes_with_it_and_leaves_earlier_ones(stores: Stores) -> None:
    grace = await stores.user()
    changes = []
    for number, email in enumerate(("b@example.com", "c@example.com", "d@example.com"), 1):
        changes.append(await stores.request(grace, email, number * SECOND))
        assert await stores.confirm(changes[-1], await stores.now(grace))
    await stores.request(grace, "e@example.com", 4 * SECOND)
    assert await stores.undo(changes[1], grace)
    assert (await stores.now(grace)).email == "b@example.com"
    assert [one.id for one in await stores.changes.undoable(grace.id, NOON)] == [changes[0].id]
    assert await stores.changes.waiting(grace.id) is None


async def test_an_address_that_another_account_has_is_not_taken_from_it(stores: Stores) -> None:
    grace = await stores.user()
    change = await stores.request(grace, "second@example.com")
    await stores.confirm(change, grace)
    changed, endings, mails = await stores.now(grace), await stores.endings(), len(await stores.mails())
    await stores.move_in(grace.canonical_email)
    with pytest.raises(EmailTakenError):
        await stores.undo(change, grace)
    assert (await stores.now(grace), await stores.endings()) == (changed, endings)
    assert mails == 1
    assert len(await stores.changes.undoable(grace.id, NOON)) == 1


async def test_changes_from_before_a_time_are_deleted(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    await stores.request(grace, "a@example.com", -SECOND)
    young = await stores.request(ada, "b@example.com", SECOND)
    await stores.changes.delete_expired(NOON)
    assert await stores.changes.waiting(grace.id) is None
    assert await stores.changes.waiting(ada.id) == young


# --- addresses that may be taken back, and changes that wait


async def test_an_address_that_was_left_is_nobody_elses_while_the_change_can_be_undone(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    change = await stores.request(grace, "second@example.com")
    assert await stores.confirm(change, await stores.now(grace))
    left = {"email": grace.email, "canonical_email": grace.canonical_email}
    early = builders.user(stores.ambient, **left, created_at=NOON + WEEK)
    with pytest.raises(EmailTakenError):
        await stores.users.add(early, early.id.bytes)
    other = await stores.request(ada, grace.email)
    assert await stores.confirm(other, await stores.now(ada), NOON + WEEK) is None
    back = await stores.request(grace, grace.email, 2 * SECOND)
    assert await stores.confirm(back, await stores.now(grace), NOON + 3 * SECOND) == grace.email


async def test_an_address_that_was_left_is_free_when_the_change_cannot_be_undone_any_more(stores: Stores) -> None:
    grace = await stores.user()
    change = await stores.request(grace, "second@example.com")
    assert await stores.confirm(change, await stores.now(grace))
    left = {"email": grace.email, "canonical_email": grace.canonical_email}
    later = builders.user(stores.ambient, **left, created_at=NOON + WEEK + SECOND)
    await stores.users.add(later, later.id.bytes)


async def test_a_new_password_takes_a_waiting_change_with_it(stores: Stores) -> None:
    grace, ada = await stores.user(), await stores.user()
    for one in (grace, ada):
        await stores.request(one, f"{one.id}@example.com")
    assert await stores.users.set_password(grace, "new hash", stores.ending(grace, NOON + SECOND))
    assert await stores.changes.waiting(grace.id) is None
    assert await stores.changes.waiting(ada.id)


async def test_a_change_that_nobody_in_the_account_has_confirmed_proves_no_address(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    change = await stores.request(grace, "second@example.com")
    assert await stores.confirm(change, await stores.now(grace), is_proved=False) == "second@example.com"
    assert (await stores.now(grace)).email_verified_at is None


async def test_what_is_to_be_a_first_proof_changes_nothing_at_a_proved_address(stores: Stores) -> None:
    grace = await stores.user(email_verified_at=NOON)
    assert await stores.reset(await stores.now(grace), is_first_proof=True) is None
    assert (await stores.now(grace)).password_hash == grace.password_hash


# --- what only the database knows


OLD, RECENT, YOUNG = NOON - timedelta(days=8), NOON - timedelta(days=1), NOON + timedelta(hours=2)


@pytest.fixture
async def real(stores: Stores) -> Stores:
    if stores.postgres is None:
        pytest.skip("factors and API keys with names are other stores'")
    return stores


async def add_belongings(stores: Stores, user: User, at: datetime) -> None:
    """A factor of each kind, and an API key with a name."""
    assert stores.postgres
    one = stores.ambient.new_uuid()
    for statement, arguments in (
        ("INSERT INTO totp VALUES ($1, 'x', $2, 0) ON CONFLICT DO NOTHING", (user.id, at)),
        ("INSERT INTO recovery_codes VALUES ($1, $2)", (user.id, one.bytes)),
        (
            "INSERT INTO passkeys VALUES ($1, $2, 'n', 'k', 0, false, '{}', $3, 'localhost', $4)",
            (one.bytes, user.id, one, at),
        ),
        (
            "INSERT INTO named_api_keys VALUES ($1, $2, 'n', 'p', $3, '{}', NULL, $4, NULL)",
            (one, user.id, one.bytes, at),
        ),
        ("UPDATE users SET second_factor_since = $2 WHERE id = $1", (user.id, at)),
    ):
        await stores.postgres.execute(statement, *arguments)


async def belongings(stores: Stores, user: User) -> list[int]:
    """How many TOTP secrets, recovery codes, passkeys and named keys."""
    assert stores.postgres
    counts = []
    for table in ("totp", "recovery_codes", "passkeys", "named_api_keys"):
        rows = await stores.postgres.fetch(f"SELECT FROM {table} WHERE user_id = $1", user.id)
        counts.append(len(rows))
    return counts


async def test_a_first_proof_takes_everything_that_was_left_in_the_account(real: Stores) -> None:
    grace, ada = await real.user(), await real.user()
    for one in (grace, ada):
        await add_belongings(real, one, NOON)
        await real.request(one, f"{one.id}@example.com")
    assert await real.reset(await real.now(grace)) is True
    assert await belongings(real, grace) == [0, 0, 0, 0]
    assert (await real.now(grace)).second_factor_since is None
    assert await real.changes.waiting(grace.id) is None
    assert await belongings(real, ada) == [1, 1, 1, 1]
    assert (await real.now(ada)).second_factor_since == NOON


async def test_a_later_proof_leaves_the_factors_and_takes_keys_only_where_that_is_asked_for(real: Stores) -> None:
    grace, ada = await real.user(email_verified_at=NOON), await real.user(email_verified_at=NOON)
    for one in (grace, ada):
        await add_belongings(real, one, NOON)
    assert await real.reset(await real.now(grace)) is False
    other = NewApiKey(b"other", b"other")
    assert await real.reset(await real.now(ada), replace_api_key=True, key=other) is False
    assert await belongings(real, grace) == [1, 1, 1, 1]
    assert await belongings(real, ada) == [1, 1, 1, 0]
    assert (await real.now(ada)).second_factor_since == NOON


@pytest.mark.parametrize(
    ("times", "left", "has_factors"),
    [
        ((YOUNG,), [0, 0, 0, 0], False),
        ((RECENT,), [0, 0, 0, 0], False),
        ((OLD,), [1, 0, 1, 0], True),  # of recovery codes nobody knows how old they are
        ((OLD, YOUNG), [1, 0, 1, 0], True),
    ],
)
async def test_undoing_takes_what_was_added_since_a_week_before_the_change_and_all_keys_and_codes(
    real: Stores, times: tuple[datetime, ...], left: list[int], *, has_factors: bool
) -> None:
    grace, ada = await real.user(email_verified_at=NOON), await real.user()
    await add_belongings(real, ada, YOUNG)
    for at in times:
        await add_belongings(real, grace, at)
    change = await real.request(grace, "second@example.com", timedelta(hours=1))
    assert await real.confirm(change, await real.now(grace))
    assert await real.undo(change, grace, YOUNG)
    assert await belongings(real, grace) == left
    assert bool((await real.now(grace)).second_factor_since) is has_factors
    assert await belongings(real, ada) == [1, 1, 1, 1]


async def test_the_mail_after_an_undoing_is_no_older_than_the_password(real: Stores) -> None:
    """One from before the password would not be sent, and the clocks of an instance and of Postgres differ."""
    grace = await real.user()
    change = await real.request(grace, "second@example.com")
    await real.confirm(change, grace)
    ahead = NOON.replace(year=NOON.year + 10)
    assert real.postgres
    await real.postgres.execute("UPDATE email_changes SET undo_until = $1", ahead + WEEK)
    assert await real.undo(change, grace, ahead)
    (mail,) = [one for one in await real.mails() if one.kind == Kind.RESET]
    assert mail.created_at >= (await real.now(grace)).password_changed_at


async def test_a_reset_and_a_change_at_once_never_wait_for_each_other(real: Stores) -> None:
    for number in range(20):
        grace = await real.user(email_verified_at=NOON)
        change = await real.request(grace, f"{number}@example.net")
        key = NewApiKey(b"x", grace.id.bytes + b"x")
        at_once = real.reset(grace, key=key), real.confirm(change, grace), real.reset(grace, key=key)
        outcomes = await asyncio.gather(*at_once, return_exceptions=True)
        made = [one for one in outcomes if one is not None and not isinstance(one, InvalidTokenError)]
        assert len(made) == 1
        assert isinstance(made[0], bool | str)


@pytest.mark.parametrize("at", [OLD, RECENT])
async def test_an_undone_change_keeps_no_totp_that_is_off_and_takes_it_for_no_factor(
    real: Stores, at: datetime
) -> None:
    """Whoever stored it can have waited with turning it on."""
    grace = await real.user(email_verified_at=NOON)
    change = await real.request(grace, "second@example.com")
    await real.confirm(change, grace)
    assert real.postgres
    await real.postgres.execute("INSERT INTO totp VALUES ($1, 'x', $2, 0, false)", grace.id, at)
    await real.postgres.execute("UPDATE users SET second_factor_since = $2 WHERE id = $1", grace.id, at)
    assert await real.undo(change, grace)
    assert await belongings(real, grace) == [0, 0, 0, 0]
    assert (await real.now(grace)).second_factor_since is None
