"""The store of named API keys, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.models import NamedApiKey, User
from tests.support.fakes import FakeUsers


class FakeNamedApiKeys:
    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self._rows: dict[UUID, NamedApiKey] = {}
        self._digests: dict[bytes, UUID] = {}

    async def add(self, key: NamedApiKey, digest: bytes, most: int, *, session_id: str) -> bool:
        self._users.require_good(key.user_id, session_id)
        of_user = [one for one in self.rows.values() if one.user_id == key.user_id]
        for one in of_user:
            if one.expires_at and one.expires_at <= key.created_at:
                del self._rows[one.id]
        if sum(one.user_id == key.user_id for one in self.rows.values()) >= most or key.user_id not in self._users.rows:
            return False
        self._rows[key.id], self._digests[digest] = key, key.id
        return True

    @property
    def rows(self) -> dict[UUID, NamedApiKey]:
        """An account that is gone has taken its keys with it."""
        self._rows = {key_id: key for key_id, key in self._rows.items() if key.user_id in self._users.rows}
        return self._rows

    async def all_of(self, user_id: UUID) -> Sequence[NamedApiKey]:
        found = [one for one in self.rows.values() if one.user_id == user_id]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def by_digest(self, digest: bytes) -> tuple[NamedApiKey, User] | None:
        key_id = self._digests.get(digest)
        key = self.rows.get(key_id) if key_id else None
        return (key, self._users.rows[key.user_id]) if key else None

    async def remove(self, user_id: UUID, key_id: UUID) -> bool:
        if (key := self.rows.get(key_id)) is None or key.user_id != user_id:
            return False
        del self._rows[key_id]
        return True

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        for key_id, at in uses.items():
            if (key := self.rows.get(key_id)) and (key.last_used_at is None or key.last_used_at < at):
                self._rows[key_id] = replace(key, last_used_at=at)
