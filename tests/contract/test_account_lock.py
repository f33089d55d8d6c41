"""Whoever is thrown out of an account leaves nothing in it, whatever was on its way. On real Postgres: it is about locks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from service.domain.accounts.models import EmailChange
from service.domain.models import NamedApiKey, User
from service.domain.recovery.models import NewApiKey, PasswordReset
from service.domain.second_factors.models import ConfirmedTotp, Passkey
from service.domain.sessions.models import EndedSession, PendingRevocation
from service.embedded import Stores
from service.errors import InvalidTokenError
from service.stores.account_lock import LOCK
from service.stores.email_changes import PostgresEmailChanges
from service.stores.named_api_keys import PostgresNamedApiKeys
from service.stores.passkeys import PostgresPasskeys
from service.stores.pending_revocations import PostgresPendingRevocations
from service.stores.postgres import Postgres
from service.stores.proved_users import PostgresProvedUsers
from service.stores.revocations import PostgresRevocations
from service.stores.second_factors import PostgresSecondFactors
from service.stores.users import PostgresUsers
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.postgres import open_postgres
from tests.support.waiting import until

SQUATTER, OWNER = "s" * 24, "o" * 24  # sessions
MINE = ("totp", "passkeys", "recovery_codes", "named_api_keys", "email_changes")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@dataclass
class Account:
    postgres: Postgres
    ambient: FakeAmbient
    user: User

    def ending(self, kept: str = "") -> PendingRevocation:
        later = self.user.password_changed_at + timedelta(seconds=1)
        return PendingRevocation(self.ambient.new_uuid(), self.user.id, "why", kept, later)

    async def reset(self) -> bool | None:
        reset = PasswordReset(
            before=self.user,
            password_hash="another",
            at=self.ambient.now(),
            ending=self.ending(),
            api_key=NewApiKey(b"another", b"another"),
            replace_api_key=False,
            is_first_proof=False,
        )
        return await PostgresProvedUsers(self.postgres, PostgresUsers(self.postgres)).reset(reset)

    async def held(self) -> dict[str, int]:
        counts = {table: f"SELECT count(*) AS count FROM {table}" for table in MINE}  # noqa: S608 - our own tables
        rows = {table: await self.postgres.fetchrow(query) for table, query in counts.items()}
        return {table: row["count"] for table, row in rows.items() if row and row["count"]}

    async def api_key(self) -> bytes:
        row = await self.postgres.fetchrow("SELECT api_key_digest FROM users")
        assert row
        return bytes(row["api_key_digest"])


Add = Callable[[Account, str], Awaitable[object]]


async def totp(account: Account, session: str) -> None:
    app = ConfirmedTotp(user_id=account.user.id, secret_sealed=b"x", confirmed_at=account.ambient.now(), step=1)
    await PostgresSecondFactors(account.postgres).add_totp(app, [b"code"], account.ending(session))


async def kept_totp(account: Account, session: str) -> None:
    app = ConfirmedTotp(user_id=account.user.id, secret_sealed=b"x", confirmed_at=account.ambient.now(), step=1)
    await PostgresSecondFactors(account.postgres).keep_totp(app, account.ending(session))


async def passkey(account: Account, session: str) -> None:
    made = Passkey(
        id=b"id",
        user_id=account.user.id,
        name="phone",
        public_key=b"key",
        sign_count=0,
        backed_up=False,
        transports=(),
        aaguid=account.ambient.new_uuid(),
        rp_id="example.com",
        created_at=account.ambient.now(),
    )
    await PostgresPasskeys(account.postgres).add(made, 10, [b"code"], account.ending(session))


async def named_key(account: Account, session: str) -> None:
    key = NamedApiKey(
        id=account.ambient.new_uuid(),
        user_id=account.user.id,
        name="for later",
        prefix="nk_1",
        scopes=(),
        rate=None,
        created_at=account.ambient.now(),
        expires_at=None,
    )
    await PostgresNamedApiKeys(account.postgres).add(key, b"named", 50, session_id=session)


async def new_api_key(account: Account, session: str) -> None:
    users = PostgresUsers(account.postgres)
    await users.set_api_key(account.user.id, b"mine", b"mine", None, session_id=session)


async def new_address(account: Account, session: str) -> None:
    now = account.ambient.now()
    change = EmailChange(account.ambient.new_uuid(), account.user.id, "m@example.com", "m@example.com", now)
    await PostgresEmailChanges(account.postgres).request(change, session_id=session)


ADDITIONS: list[Add] = [totp, kept_totp, passkey, named_key, new_api_key, new_address]


@pytest.fixture
async def account(embedded: Stores, ambient: FakeAmbient) -> AsyncIterator[Account]:
    async with open_postgres(embedded) as postgres:
        user = builders.user(ambient)
        await PostgresUsers(postgres).add(user, b"first")
        yield Account(postgres, ambient, user)


@pytest.mark.parametrize("add", ADDITIONS)
async def test_a_session_that_is_being_ended_adds_nothing(account: Account, add: Add) -> None:
    await PostgresPendingRevocations(account.postgres).add(account.ending(OWNER))
    with pytest.raises(InvalidTokenError):
        await add(account, SQUATTER)
    assert (await account.held(), await account.api_key()) == ({}, b"first")
    await add(account, OWNER)  # whose session goes on
    assert await account.held() or await account.api_key() == b"mine"


@pytest.mark.parametrize("add", ADDITIONS)
async def test_a_session_that_is_over_adds_nothing(account: Account, add: Add) -> None:
    hour = timedelta(hours=1)
    revocations = PostgresRevocations(account.postgres)
    await revocations.add([EndedSession(SQUATTER, account.user.id)], hour, hour)
    with pytest.raises(InvalidTokenError):
        await add(account, SQUATTER)
    assert (await account.held(), await account.api_key()) == ({}, b"first")


@pytest.mark.parametrize("add", ADDITIONS)
async def test_what_waits_for_an_account_that_changes_hands_finds_its_session_over(account: Account, add: Add) -> None:
    async with account.postgres.connection() as connection, connection.transaction():
        await connection.execute(LOCK, account.user.id)
        resetting = asyncio.create_task(account.reset())
        await until(lambda: waiting(account, 1))
        adding = asyncio.create_task(_outcome(add(account, SQUATTER)))
        await until(lambda: waiting(account, 2))
    assert await resetting is True
    assert await adding is InvalidTokenError
    assert (await account.held(), await account.api_key()) == ({}, b"another")


async def test_what_was_added_while_the_account_was_waited_for_goes_with_the_rest(account: Account) -> None:
    async with account.postgres.connection() as connection, connection.transaction():
        await connection.execute(LOCK, account.user.id)
        resetting = asyncio.create_task(account.reset())
        await until(lambda: waiting(account, 1))
        await connection.execute("INSERT INTO totp VALUES ($1, '', now(), 1)", account.user.id)
        await connection.execute("INSERT INTO recovery_codes VALUES ($1, 'x')", account.user.id)
        await connection.execute(
            "INSERT INTO passkeys VALUES ('x', $1, 'x', '', 0, false, '{}', $1, 'x', now(), NULL)", account.user.id
        )
        await connection.execute(
            "INSERT INTO named_api_keys VALUES ($1, $1, 'x', 'x', 'x', '{}', NULL, now())", account.user.id
        )
    assert await resetting is True
    assert await account.held() == {}


@pytest.mark.parametrize("is_on", [True, False])
async def test_a_session_that_is_over_turns_no_totp_on_or_off(account: Account, *, is_on: bool) -> None:
    factors, hour = PostgresSecondFactors(account.postgres), timedelta(hours=1)
    await kept_totp(account, SQUATTER)
    if is_on:
        await factors.turn_on_totp(account.ambient.now(), account.ending(SQUATTER))
    await PostgresRevocations(account.postgres).add([EndedSession(SQUATTER, account.user.id)], hour, hour)
    turning_off = factors.turn_off_totp(account.user.id, session_id=SQUATTER)
    turning_on = factors.turn_on_totp(account.ambient.now(), account.ending(SQUATTER))
    for turning in (turning_off, turning_on):
        with pytest.raises(InvalidTokenError):
            await turning
    assert bool((await factors.of_user(account.user.id)).totp_since) is is_on


async def test_a_first_factor_that_waits_for_an_account_that_changes_hands_is_not_set_up(account: Account) -> None:
    app = ConfirmedTotp(user_id=account.user.id, secret_sealed=b"x", confirmed_at=account.ambient.now(), step=1)
    async with account.postgres.connection() as connection, connection.transaction():
        await connection.execute(LOCK, account.user.id)
        resetting = asyncio.create_task(account.reset())
        await until(lambda: waiting(account, 1))
        factors = PostgresSecondFactors(account.postgres)
        setting_up = asyncio.create_task(factors.set_up_totp(app, account.user, [b"code"], account.ending(OWNER)))
        await until(lambda: waiting(account, 2))
    assert await resetting is True
    assert await setting_up is False
    assert await account.held() == {}


async def waiting(account: Account, count: int) -> bool:
    """Whether so many wait for a lock."""
    row = await account.postgres.fetchrow(WAITING)
    return row is not None and row[0] >= count


async def _outcome(added: Awaitable[object]) -> type[Exception] | None:
    try:
        await added
    except InvalidTokenError as error:
        return type(error)
    return None
