"""The Postgres stores, kept in memory. The Redis stores need no fakes of their own: they run on fakeredis."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.audit import Entry
from service.domain.models import Passage, Place, Resealing, Revocation, SealedApiKey, StoredKey, User
from service.errors import EmailTakenError


class FakeUsers:
    def __init__(self) -> None:
        self.rows: dict[UUID, User] = {}
        self.digests: dict[bytes, UUID] = {}
        self.earlier: dict[bytes, tuple[UUID, datetime]] = {}

    async def add(self, user: User, api_key_digest: bytes) -> None:
        if await self.by_email(user.canonical_email):
            raise EmailTakenError
        self.rows[user.id] = user
        self.digests[api_key_digest] = user.id

    async def by_email(self, canonical_email: str) -> User | None:
        return next((user for user in self.rows.values() if user.canonical_email == canonical_email), None)

    async def by_id(self, user_id: UUID) -> User | None:
        return self.rows.get(user_id)

    async def by_api_key(self, digests: Sequence[bytes], now: datetime) -> User | None:
        for digest in digests:
            if digest in self.digests:
                return self.rows.get(self.digests[digest])
            if digest in self.earlier and self.earlier[digest][1] > now:
                return self.rows.get(self.earlier[digest][0])
        return None

    async def set_api_key(self, user_id: UUID, sealed: bytes, digest: bytes, earlier_until: datetime | None) -> None:
        self.earlier = {old: held for old, held in self.earlier.items() if held[0] != user_id}
        for old in [old for old, held in self.digests.items() if held == user_id]:
            del self.digests[old]
            if earlier_until:
                self.earlier[old] = user_id, earlier_until
        self.digests[digest] = user_id
        self.rows[user_id] = replace(self.rows[user_id], api_key_sealed=sealed)

    async def set_password(self, before: User, password_hash: str, at: datetime) -> bool:
        row = self.rows.get(before.id)
        if row is None or row.password_changed_at != before.password_changed_at:
            return False
        self.rows[before.id] = replace(row, password_hash=password_hash, password_changed_at=at)
        return True

    async def remove(self, user_id: UUID) -> None:
        self.rows.pop(user_id, None)

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        row = self.rows.get(user_id)
        if row and row.password_hash == old_hash:
            self.rows[user_id] = replace(row, password_hash=new_hash)

    async def set_disabled(self, canonical_email: str, at: datetime | None) -> UUID | None:
        user = await self.by_email(canonical_email)
        if user is None:
            return None
        self.rows[user.id] = replace(user, disabled_at=at)
        return user.id

    async def sealed_api_keys(self, after: UUID, limit: int) -> Sequence[SealedApiKey]:
        found = sorted((user for user in self.rows.values() if user.id > after), key=lambda user: user.id)
        return [SealedApiKey(user.id, user.api_key_sealed) for user in found[:limit]]

    async def reseal_api_keys(self, resealings: Sequence[Resealing]) -> int:
        count = 0
        for one in resealings:
            row = self.rows.get(one.user_id)
            if row and row.api_key_sealed == one.before:
                self.digests = {old: held for old, held in self.digests.items() if held != one.user_id}
                self.digests[one.digest] = one.user_id
                self.rows[one.user_id] = replace(row, api_key_sealed=one.sealed)
                count += 1
        return count


class FakeSigningKeys:
    def __init__(self, *keys: StoredKey) -> None:
        self.keys = list(keys)

    async def all(self) -> Sequence[StoredKey]:
        return sorted(self.keys, key=lambda key: key.created_at, reverse=True)

    async def add_first(self, *keys: StoredKey) -> None:
        if not self.keys:
            self.keys.extend(keys)

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        changed = {key.kid: key for key in decide(await self.all())}
        self.keys = [changed.pop(key.kid, key) for key in self.keys] + list(changed.values())

    async def remove(self, kids: Sequence[str]) -> None:
        self.keys = [key for key in self.keys if key.kid not in kids]


class FakeRevocations:
    def __init__(self) -> None:
        self.rows: dict[str, Revocation] = {}
        self.entered: dict[str, int] = {}  # by which transaction
        self.transactions = 1
        self.era = 1

    async def add(self, revocations: Sequence[Revocation]) -> None:
        for one in revocations:
            self.rows.setdefault(one.session_id, one)
            self.entered.setdefault(one.session_id, self.transactions)
        self.transactions += 1

    async def after(self, place: Place, now: datetime, limit: int) -> Passage:
        placed = sorted((Place(self.entered[one.session_id], one.session_id), one) for one in self.rows.values())
        found = [(here, one.denied_until) for here, one in placed if here > place and one.denied_until > now]
        return Passage(found[:limit], Place(self.transactions), self.era)

    async def has(self, session_id: str) -> bool:
        return session_id in self.rows

    async def forget(self, now: datetime) -> None:
        self.rows = {key: one for key, one in self.rows.items() if one.forget_at > now}

    async def of_user(self, user_id: UUID) -> Sequence[Revocation]:
        return [one for one in self.rows.values() if one.user_id == user_id]

    @asynccontextmanager
    async def recall(self, now: datetime) -> AsyncIterator[Sequence[Revocation]]:
        yield [one for one in self.rows.values() if one.denied_until > now]


class FakeAuditTrail:
    def __init__(self) -> None:
        self.rows: dict[UUID, Entry] = {}

    async def add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.rows.setdefault(entry.id, entry)

    async def latest(self, since: datetime, limit: int) -> Sequence[Entry]:
        found = [entry for entry in self.rows.values() if entry.at >= since]
        return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]

    async def of_user(self, user_id: UUID | None, account: str, since: datetime, limit: int) -> Sequence[Entry]:
        found = await self.latest(since, len(self.rows))
        return [one for one in found if _is_about(one, user_id, account)][:limit]

    async def forget(self, before: datetime) -> None:
        self.rows = {key: entry for key, entry in self.rows.items() if entry.at >= before}


def _is_about(entry: Entry, user_id: UUID | None, account: str) -> bool:
    event = entry.event
    return (user_id is not None and event.user_id == user_id) or (account != "" and event.account == account)
