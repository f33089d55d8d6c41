"""Proofs and changes of addresses, in memory. Of API keys with names and of factors the real stores' tests tell."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.domain.accounts.models import EmailChange
from service.domain.mail.models import Kind, Wish
from service.domain.models import User
from service.domain.recovery.models import ConfirmedChange, NewApiKey, PasswordReset, UndoneChange
from service.errors import EmailTakenError
from tests.support.fake_mails import FakeOutbox
from tests.support.fakes import FakeUsers


@dataclass
class FakeEmailChanges:
    users: FakeUsers
    outbox: FakeOutbox
    rows: dict[UUID, EmailChange] = field(default_factory=dict)
    were_verified: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.users.is_reserved = self.is_reserved
        self.users.after_password = self.remove_of

    def is_reserved(self, canonical_email: str, now: datetime, user_id: UUID | None = None) -> bool:
        """Whether another account may go back to this address."""
        return any(
            one.canonical_email == canonical_email and one.undo_until and one.undo_until > now
            for one in self.rows.values()
            if one.user_id != user_id
        )

    async def request(self, change: EmailChange, *, session_id: str) -> None:
        self.users.require_good(change.user_id, session_id)
        self._remove(change.user_id, is_made=False)
        self.rows[change.id] = change

    async def waiting(self, user_id: UUID) -> EmailChange | None:
        return next((one for one in self.rows.values() if one.user_id == user_id and one.changed_at is None), None)

    async def undoable(self, user_id: UUID, now: datetime) -> Sequence[EmailChange]:
        return [one for one in self.rows.values() if one.user_id == user_id and one.undo_until and one.undo_until > now]

    async def confirm(self, change: ConfirmedChange) -> str | None:
        row, user = self.rows.get(change.change_id), self.users.rows.get(change.before.id)
        if row is None or row.changed_at or user is None or row.user_id != user.id or not _is_as(change.before, user):
            return None
        self.users.require_good(user.id, change.ending.kept_session)
        if _holder(self.users, row.canonical_email) not in (None, user.id):
            return None
        if self.is_reserved(row.canonical_email, change.at, user.id):
            return None
        proved_at = change.at if change.is_proved else None
        self.users.rows[user.id] = replace(
            user, email=row.email, canonical_email=row.canonical_email, email_verified_at=proved_at
        )
        self.rows[row.id] = replace(
            row,
            email=user.email,
            canonical_email=user.canonical_email,
            changed_at=change.at,
            undo_until=change.undo_until,
        )
        if user.email_verified_at:
            self.were_verified.add(row.id)
        wish = Wish(
            kind=Kind.EMAIL_UNDO,
            recipient=user.email,
            user_id=user.id,
            language=user.language,
            facts={"change": str(row.id)},
        )
        await self.outbox.add(change.mail_id, wish)
        await self.users.pending.add(change.ending)
        return row.email

    async def undo(self, undone: UndoneChange) -> bool:
        row, user = self.rows.get(undone.change_id), self.users.rows.get(undone.ending.user_id)
        if row is None or user is None or row.undo_until is None or row.undo_until <= undone.at:
            return False
        if _holder(self.users, row.canonical_email) not in (None, user.id):
            raise EmailTakenError
        assert undone.ending.password_changed_at
        self.users.rows[user.id] = replace(
            user,
            email=row.email,
            canonical_email=row.canonical_email,
            email_verified_at=undone.at if row.id in self.were_verified else None,
            password_hash=undone.password_hash,
            password_changed_at=undone.ending.password_changed_at,
            second_factor_since=None,
        )
        await set_api_key(self.users, user.id, undone.api_key)
        for later in [one for one in self.rows.values() if one.requested_at >= row.requested_at]:
            if later.user_id == user.id:
                del self.rows[later.id]
        wish = Wish(kind=Kind.RESET, recipient=row.canonical_email, user_id=user.id, language=user.language)
        await self.outbox.add(undone.mail_id, wish)
        await self.users.pending.add(undone.ending)
        return True

    async def delete_expired(self, before: datetime) -> None:
        self.rows = {key: one for key, one in self.rows.items() if one.requested_at >= before}

    def remove_of(self, user_id: UUID, *, made_too: bool = False) -> None:
        self._remove(user_id, is_made=False)
        if made_too:
            self._remove(user_id, is_made=True)

    def _remove(self, user_id: UUID, *, is_made: bool) -> None:
        gone = [one.id for one in self.rows.values() if one.user_id == user_id and bool(one.changed_at) is is_made]
        for each in gone:
            del self.rows[each]


@dataclass
class FakeProvedUsers:
    users: FakeUsers
    changes: FakeEmailChanges

    async def by_email(self, canonical_email: str) -> User | None:
        return await self.users.by_email(canonical_email)

    async def by_id(self, user_id: UUID) -> User | None:
        return await self.users.by_id(user_id)

    async def reset(self, reset: PasswordReset) -> bool | None:
        user = self.users.rows.get(reset.before.id)
        if user is None or not _is_as(reset.before, user):
            return None
        is_first = user.email_verified_at is None
        if reset.is_first_proof and not is_first:
            return None
        assert reset.ending.password_changed_at
        self.users.rows[user.id] = replace(
            user,
            password_hash=reset.password_hash,
            password_changed_at=reset.ending.password_changed_at,
            email_verified_at=user.email_verified_at or reset.at,
            must_prove_address=False,
            second_factor_since=None if is_first else user.second_factor_since,
        )
        if is_first or reset.replace_api_key:
            await set_api_key(self.users, user.id, reset.api_key)
        if is_first:
            self.users.attributes[user.id] = {}
        self.changes.remove_of(user.id, made_too=is_first)
        await self.users.pending.add(reset.ending)
        return is_first

    async def prove(self, before: User, at: datetime) -> bool:
        user = self.users.rows.get(before.id)
        if user is None or user.email_verified_at or user.disabled_at or user.canonical_email != before.canonical_email:
            return False
        self.users.rows[user.id] = replace(user, email_verified_at=at, must_prove_address=False)
        return True


async def set_api_key(users: FakeUsers, user_id: UUID, key: NewApiKey) -> None:
    await users.set_api_key(user_id, key.sealed, key.digest, None, session_id="")


def _is_as(before: User, now: User) -> bool:
    return now.is_still(before) and now.canonical_email == before.canonical_email


def _holder(users: FakeUsers, canonical_email: str) -> UUID | None:
    return next((user.id for user in users.rows.values() if user.canonical_email == canonical_email), None)
