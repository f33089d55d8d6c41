"""Accounts that move in or out, kept in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.mail.models import Kind, Wish
from service.domain.transfer.models import Holder, KeptUser, NewRow
from tests.support.fake_mails import FakeOutbox
from tests.support.fakes import FakeAuditTrail, FakeUsers


@dataclass
class FakeMoves:
    users: FakeUsers
    outbox: FakeOutbox
    trail: FakeAuditTrail

    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        added = set()
        for row in rows:
            user, users = row.user, self.users
            can_be_taken_back = users.is_reserved(user.canonical_email, user.password_changed_at)
            if user.id in users.rows or can_be_taken_back or await users.by_email(user.canonical_email):
                continue
            users.rows[user.id] = user
            users.digests[row.api_key_digest] = user.id
            users.attributes[user.id] = dict(row.attributes)
            added.add(row.user.id)
            if row.entry:
                await self.trail.add([row.entry])
            if row.reset_mail:
                wish = Wish(kind=Kind.RESET, recipient=row.user.canonical_email, language=row.user.language)
                await self.outbox.add(row.reset_mail, wish)
        return added

    async def add_one(self, row: NewRow) -> bool:
        return bool(await self.add([row]))

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        return [
            Holder(user.id, user.email, user.canonical_email)
            for user in self.users.rows.values()
            if user.canonical_email in canonical_emails or user.id in ids
        ]

    async def given_up(self, canonical_emails: Sequence[str], at: datetime) -> Collection[str]:
        return [one for one in canonical_emails if self.users.is_reserved(one, at)]

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        found = sorted((user for user in self.users.rows.values() if user.id > after), key=lambda user: user.id)
        return [KeptUser(user, self.users.attributes[user.id]) for user in found[:limit]]
