"""The stores of administration, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.accounts.groups import size_of
from service.domain.administration.models import Admin, AdminToken, Most, UserChange
from service.domain.models import User
from tests.support.fakes import FakeUsers, changed_claims


class FakeUserDirectory:
    def __init__(self, users: FakeUsers) -> None:
        self._users = users

    async def page(self, prefix: str, after: str, limit: int) -> Sequence[User]:
        found = [one for one in self._users.rows.values() if one.canonical_email.startswith(prefix)]
        behind = [one for one in found if one.canonical_email > after]
        return sorted(behind, key=lambda one: one.canonical_email)[:limit]

    async def change(self, user_id: UUID, change: UserChange, most: Most) -> User | None:
        row = self._users.rows.get(user_id)
        if row is None:
            return None
        groups = tuple(sorted({*row.groups, *change.added_groups} - {*change.removed_groups}))
        claims = changed_claims(row.claims, change.set_claims, change.removed_claims)
        is_large = size_of(groups) > max(most.bytes_of_groups, size_of(row.groups))
        if len(groups) > most.groups or is_large or len(claims.encode()) > most.bytes_of_claims:
            return None
        first, last = change.first_name or row.first_name, change.last_name or row.last_name
        self._users.rows[user_id] = replace(row, first_name=first, last_name=last, groups=groups, claims=claims)
        return self._users.rows[user_id]


class FakeAdminTokens:
    def __init__(self) -> None:
        self.rows: dict[str, AdminToken] = {}
        self._digests: dict[bytes, str] = {}

    async def add(self, token: AdminToken, digest: bytes) -> bool:
        if token.name in self.rows:
            return False
        self.rows[token.name], self._digests[digest] = token, token.name
        return True

    async def all(self) -> Sequence[AdminToken]:
        return sorted(self.rows.values(), key=lambda one: (one.created_at, one.id))

    async def by_digest(self, digest: bytes) -> AdminToken | None:
        return self.rows.get(self._digests.get(digest, ""))

    async def note_use(self, token_id: UUID, at: datetime) -> None:
        for name, token in self.rows.items():
            if token.id == token_id and (token.last_used_at is None or token.last_used_at < at):
                self.rows[name] = replace(token, last_used_at=at)

    async def remove(self, name: str) -> bool:
        self._digests = {digest: held for digest, held in self._digests.items() if held != name}
        return self.rows.pop(name, None) is not None


class FakeAdmins:
    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self._rows: dict[UUID, Admin] = {}

    async def grant(self, admin: Admin) -> bool:
        if admin.user_id not in self._users.rows or admin.user_id in self._there:
            return False
        self._rows[admin.user_id] = admin
        return True

    async def revoke(self, user_id: UUID) -> bool:
        is_there = user_id in self._there
        self._rows.pop(user_id, None)
        return is_there

    async def find(self, user_id: UUID) -> Admin | None:
        return self._there.get(user_id)

    async def all(self) -> Sequence[Admin]:
        return sorted(self._there.values(), key=lambda one: (one.granted_at, one.user_id))

    @property
    def _there(self) -> dict[UUID, Admin]:
        """Rows go with their accounts."""
        return {user_id: admin for user_id, admin in self._rows.items() if user_id in self._users.rows}
