"""The tables of second factors, kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.domain.accounts.ports import LastFactorError
from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.second_factors.models import ConfirmedTotp, HeldFactors, Passkey
from service.domain.sessions.models import PendingRevocation
from tests.support.fakes import FakeUsers


@dataclass
class FactorRows:
    totp: ConfirmedTotp | None = None
    last_step: int = 0
    is_on: bool = False
    recovery_codes: set[bytes] = field(default_factory=set)


class FakeSecondFactors:
    """The mark that an account has a second factor is in the users' rows, as it is in Postgres."""

    def __init__(self, users: FakeUsers) -> None:
        self.users = users
        self.passkeys: dict[bytes, Passkey] = {}  # see FakePasskeys
        self.rows: dict[UUID, FactorRows] = {}

    async def of_user(self, user_id: UUID) -> HeldFactors:
        held = self._held(user_id)
        since = held.totp.confirmed_at if held.totp and held.is_on else None
        return HeldFactors(since, self._count(user_id), len(held.recovery_codes))

    async def totp_secret(self, user_id: UUID) -> bytes | None:
        held = self._held(user_id)
        return held.totp.secret_sealed if held.totp and held.is_on else None

    async def use_step(self, user_id: UUID, step: int) -> bool:
        held = self._held(user_id)
        if not held.is_on or held.last_step >= step:
            return False
        held.last_step = step
        return True

    async def use_recovery_code(self, user_id: UUID, digests: Sequence[bytes]) -> bool:
        held = self._held(user_id)
        used = held.recovery_codes & set(digests)
        held.recovery_codes -= used
        return bool(used)

    async def add_totp(self, totp: ConfirmedTotp, recovery_codes: Sequence[bytes], ending: PendingRevocation) -> bool:
        self.users.require_good(totp.user_id, ending.kept_session)
        return await self._add(totp, recovery_codes, ending)

    async def set_up_totp(
        self, totp: ConfirmedTotp, before: User, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> bool:
        account = self.users.rows.get(before.id)
        if account is None or account.second_factor_since or not account.is_still(before):
            return False
        return await self._add(totp, recovery_codes, ending)

    async def keep_totp(self, totp: ConfirmedTotp, ending: PendingRevocation) -> bool:
        self.users.require_good(totp.user_id, ending.kept_session)
        held = self.rows.setdefault(totp.user_id, FactorRows())
        held.totp, held.last_step = totp, max(held.last_step, totp.step)
        if held.is_on:
            await self.users.pending.add(ending)
        return held.is_on

    async def turn_on_totp(self, at: datetime, ending: PendingRevocation) -> bool | None:
        self.users.require_good(ending.user_id, ending.kept_session)
        held = self._held(ending.user_id)
        if held.totp is None or held.is_on:
            return None if held.totp is None else False
        held.is_on, held.totp = True, replace(held.totp, confirmed_at=max(held.totp.confirmed_at, at))
        self._mark(ending.user_id, at)
        await self.users.pending.add(ending)
        return True

    async def turn_off_totp(self, user_id: UUID, *, session_id: str, may_be_last: bool = True) -> bool | None:
        self.users.require_good(user_id, session_id)
        held = self._held(user_id)
        was_on = held.is_on if held.totp else None
        if was_on and not may_be_last:
            self.require_another(user_id, held)
        held.is_on = False
        if was_on:
            self.after_removal(user_id)
        return was_on

    async def remove_totp(self, user_id: UUID) -> bool:
        held = self._held(user_id)
        if not held.is_on:
            return False
        held.totp, held.is_on, held.last_step = None, False, 0
        self.after_removal(user_id)
        return True

    def first(self, user_id: UUID, recovery_codes: Sequence[bytes], since: datetime) -> None:
        self.rows.setdefault(user_id, FactorRows()).recovery_codes = set(recovery_codes)
        self._mark(user_id, since)

    def require_another(self, user_id: UUID, one: FactorRows | Passkey) -> None:
        held = self._held(user_id)
        others: list[FactorRows | Passkey] = [held] if held.is_on else []
        others += [passkey for passkey in self.passkeys.values() if passkey.user_id == user_id]
        if others == [one]:
            raise LastFactorError

    def after_removal(self, user_id: UUID) -> None:
        held = self._held(user_id)
        if not held.is_on and not self._count(user_id):
            held.recovery_codes = set()
            self._mark(user_id, None)

    async def replace_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], *, session_id: str) -> bool:
        self.users.require_good(user_id, session_id)
        if self.users.rows[user_id].second_factor_since is None:
            return False
        self._held(user_id).recovery_codes = set(digests)
        return True

    async def remove_all(self, ending: PendingRevocation) -> bool:
        user_id = ending.user_id
        if self.users.rows[user_id].second_factor_since is None:
            return False
        self.rows.pop(user_id, None)
        for one in [one for one in self.passkeys.values() if one.user_id == user_id]:
            del self.passkeys[one.id]
        self.after_removal(user_id)
        await self.users.pending.add(ending)
        return True

    async def sealed_totp(self, after: UUID, limit: int) -> Sequence[Sealed]:
        found = sorted((one.totp for one in self.rows.values() if one.totp), key=lambda totp: totp.user_id)
        return [Sealed(one.user_id, one.secret_sealed) for one in found if one.user_id > after][:limit]

    async def reseal_totp(self, resealings: Sequence[Resealing]) -> int:
        count = 0
        for one in resealings:
            held = self._held(one.user_id)
            if held.totp and held.totp.secret_sealed == one.before:
                held.totp = replace(held.totp, secret_sealed=one.sealed)
                count += 1
        return count

    async def _add(self, totp: ConfirmedTotp, recovery_codes: Sequence[bytes], ending: PendingRevocation) -> bool:
        held = self._held(totp.user_id)
        if held.is_on:
            return False
        step = max(held.last_step, totp.step)
        self.rows[totp.user_id] = FactorRows(totp, step, is_on=True, recovery_codes=set(recovery_codes))
        self._mark(totp.user_id, totp.confirmed_at)
        await self.users.pending.add(ending)
        return True

    def _count(self, user_id: UUID) -> int:
        return sum(one.user_id == user_id for one in self.passkeys.values())

    def _held(self, user_id: UUID) -> FactorRows:
        """Nothing is left of a user who is gone."""
        if user_id not in self.users.rows:
            self.rows.pop(user_id, None)
        return self.rows.get(user_id) or FactorRows()

    def _mark(self, user_id: UUID, since: datetime | None) -> None:
        row = self.users.rows[user_id]
        self.users.rows[user_id] = replace(row, second_factor_since=since and (row.second_factor_since or since))
