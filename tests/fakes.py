"""The Postgres stores, kept in memory. The Redis stores need no fakes of their own: they run on fakeredis."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.models import Revocation, StoredKey, User
from service.errors import EmailTakenError


class FakeUsers:
    def __init__(self) -> None:
        self.rows: dict[UUID, User] = {}
        self.digests: dict[bytes, UUID] = {}

    async def add(self, user: User, api_key_digest: bytes) -> None:
        if await self.by_email(user.canonical_email):
            raise EmailTakenError
        self.rows[user.id] = user
        self.digests[api_key_digest] = user.id

    async def by_email(self, canonical_email: str) -> User | None:
        return next((user for user in self.rows.values() if user.canonical_email == canonical_email), None)

    async def by_id(self, user_id: UUID) -> User | None:
        return self.rows.get(user_id)

    async def by_api_key(self, digests: Sequence[bytes]) -> User | None:
        return next((self.rows[self.digests[digest]] for digest in digests if digest in self.digests), None)

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        if self.rows[user_id].password_hash == old_hash:
            self.rows[user_id] = replace(self.rows[user_id], password_hash=new_hash)

    async def set_disabled(self, canonical_email: str, at: datetime | None) -> UUID | None:
        user = await self.by_email(canonical_email)
        if user is None:
            return None
        self.rows[user.id] = replace(user, disabled_at=at)
        return user.id


class FakeSigningKeys:
    def __init__(self, *keys: StoredKey) -> None:
        self.keys = list(keys)

    async def all(self) -> Sequence[StoredKey]:
        return sorted(self.keys, key=lambda key: key.created_at, reverse=True)

    async def add_first(self, key: StoredKey) -> None:
        if not self.keys:
            self.keys.append(key)


class FakeRevocations:
    def __init__(self) -> None:
        self.rows: dict[str, Revocation] = {}

    async def add(self, revocations: Sequence[Revocation]) -> None:
        for one in revocations:
            self.rows.setdefault(one.session_id, one)

    @asynccontextmanager
    async def recall(self, now: datetime) -> AsyncIterator[Sequence[Revocation]]:
        self.rows = {key: one for key, one in self.rows.items() if one.forget_at > now}
        yield list(self.rows.values())
