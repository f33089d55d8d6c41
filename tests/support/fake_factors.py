"""The tables of second factors, kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.domain.operations.models import Resealing, Sealed
from service.domain.second_factors.models import ConfirmedTotp, HeldFactors, Passkey
from service.domain.sessions.models import PendingRevocation
from tests.support.fakes import FakeUsers


@dataclass
class FactorRows:
    totp: ConfirmedTotp | None = None
    last_step: int = 0
    recovery_codes: set[bytes] = field(default_factory=set)


class FakeSecondFactors:
    """The mark that an account has a second factor is in the users' rows, as it is in Postgres."""

    def __init__(self, users: FakeUsers) -> None:
        self.users = users
        self.passkeys: dict[bytes, Passkey] = {}  # see FakePasskeys
        self.rows: dict[UUID, FactorRows] = {}

    async def of_user(self, user_id: UUID) -> HeldFactors:
        held = self._held(user_id)
        return HeldFactors(
            held.totp.confirmed_at if held.totp else None, self._count(user_id), len(held.recovery_codes)
        )

    async def totp_secret(self, user_id: UUID) -> bytes | None:
        totp = self._held(user_id).totp
        return totp.secret_sealed if totp else None

    async def use_step(self, user_id: UUID, step: int) -> bool:
        held = self._held(user_id)
        if held.totp is None or held.last_step >= step:
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
        if self._held(totp.user_id).totp:
            return False
        self.rows[totp.user_id] = FactorRows(totp, totp.step, set(recovery_codes))
        self._mark(totp.user_id, totp.confirmed_at)
        await self.users.pending.add(ending)
        return True

    async def remove_totp(self, user_id: UUID) -> bool:
        if self._held(user_id).totp is None:
            return False
        self._held(user_id).totp = None
        self.after_removal(user_id)
        return True

    def first(self, user_id: UUID, recovery_codes: Sequence[bytes], since: datetime) -> None:
        self.rows[user_id] = FactorRows(recovery_codes=set(recovery_codes))
        self._mark(user_id, since)

    def after_removal(self, user_id: UUID) -> None:
        if self._held(user_id).totp is None and not self._count(user_id):
            self.rows.pop(user_id, None)
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
        self._held(user_id).totp = None
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
