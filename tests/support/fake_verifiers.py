"""The table of verifiers for SRP, kept in memory."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.srp.models import StoredVerifier, VerifiedAccount
from tests.support.fakes import FakeUsers


class FakeVerifiers:
    def __init__(self, users: FakeUsers) -> None:
        self.users = users
        self._rows: dict[UUID, StoredVerifier] = {}

    @property
    def rows(self) -> dict[UUID, StoredVerifier]:
        """Nothing is left of a user who is gone."""
        self._rows = {user_id: held for user_id, held in self._rows.items() if user_id in self.users.rows}
        return self._rows

    async def by_email(self, canonical_email: str) -> VerifiedAccount | None:
        return self._account(await self.users.by_email(canonical_email))

    async def by_id(self, user_id: UUID) -> VerifiedAccount | None:
        return self._account(await self.users.by_id(user_id))

    async def put(self, verifier: StoredVerifier) -> bool:
        user = self.users.rows.get(verifier.user_id)
        if user is None or user.password_changed_at != verifier.password_changed_at:
            return False
        self.rows[user.id] = verifier
        return True

    async def remove_all(self) -> int:
        count = len(self.rows)
        self.rows.clear()
        return count

    async def are_there(self) -> bool:
        return bool(self.rows)

    async def sealed_verifiers(self, after: UUID, limit: int) -> Sequence[Sealed]:
        found = sorted(self.rows.values(), key=lambda held: held.user_id)
        return [Sealed(one.user_id, one.sealed, one.pool_id) for one in found if one.user_id > after][:limit]

    async def reseal_verifiers(self, resealings: Sequence[Resealing]) -> int:
        count = 0
        for one in resealings:
            held = self.rows.get(one.user_id)
            if held and held.sealed == one.before:
                self.rows[one.user_id] = replace(held, sealed=one.sealed)
                count += 1
        return count

    def _account(self, user: User | None) -> VerifiedAccount | None:
        if user is None:
            return None
        held = self.rows.get(user.id)
        is_current = held is not None and held.password_changed_at == user.password_changed_at
        return VerifiedAccount(user.id, user.canonical_email, held if is_current else None)
