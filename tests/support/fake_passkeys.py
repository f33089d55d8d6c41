"""The table of passkeys, in memory. Recovery codes and the mark of an account are those of the other factors."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.accounts.ports import Added
from service.domain.models import User
from service.domain.second_factors.models import Passkey
from service.domain.sessions.models import PendingRevocation
from tests.support.fake_factors import FakeSecondFactors


class FakePasskeys:
    def __init__(self, factors: FakeSecondFactors) -> None:
        self._factors = factors

    @property
    def rows(self) -> dict[bytes, Passkey]:
        return self._factors.passkeys

    async def of_user(self, user_id: UUID) -> Sequence[Passkey]:
        found = [one for one in self.rows.values() if one.user_id == user_id]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def find(self, passkey_id: bytes) -> tuple[Passkey, User] | None:
        passkey = self.rows.get(passkey_id)
        owner = self._factors.users.rows.get(passkey.user_id) if passkey else None
        return (passkey, owner) if passkey and owner else None

    async def use(self, passkey_id: bytes, sign_count: int, at: datetime, *, backed_up: bool) -> bool:
        held = self.rows.get(passkey_id)
        if held is None or not (held.sign_count < sign_count or held.sign_count == sign_count == 0):
            return False
        self.rows[passkey_id] = replace(held, sign_count=sign_count, last_used_at=at, backed_up=backed_up)
        return True

    async def add(
        self, passkey: Passkey, most: int, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> Added:
        self._factors.users.require_good(passkey.user_id, ending.kept_session)
        owner = self._factors.users.rows.get(passkey.user_id)
        if owner is None or len(await self.of_user(passkey.user_id)) >= most:
            return Added.TOO_MANY
        if passkey.id in self.rows:
            return Added.EXISTS
        is_first = owner.second_factor_since is None
        self.rows[passkey.id] = passkey
        if is_first:
            self._factors.first(passkey.user_id, recovery_codes, passkey.created_at)
        await self._factors.users.pending.add(ending)
        return Added.FIRST if is_first else Added.FURTHER

    async def rename(self, user_id: UUID, passkey_id: bytes, name: str) -> bool:
        held = self.rows.get(passkey_id)
        if held is None or held.user_id != user_id:
            return False
        self.rows[passkey_id] = replace(held, name=name)
        return True

    async def remove(self, user_id: UUID, passkey_id: bytes, *, may_be_last: bool = True) -> bool:
        held = self.rows.get(passkey_id)
        if held is None or held.user_id != user_id:
            return False
        if not may_be_last:
            self._factors.require_another(user_id, held)
        del self.rows[passkey_id]
        self._factors.after_removal(user_id)
        return True
