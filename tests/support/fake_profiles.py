"""Users with their attributes, kept in memory."""

from dataclasses import dataclass, replace
from uuid import UUID

from service.domain.accounts.models import ProfileChange
from service.domain.models import UserProfile
from tests.support.fake_factors import FakeSecondFactors
from tests.support.fake_recovery import FakeEmailChanges
from tests.support.fakes import FakeUsers


@dataclass
class FakeProfiles:
    users: FakeUsers
    factors: FakeSecondFactors
    changes: FakeEmailChanges

    async def by_id(self, user_id: UUID) -> UserProfile | None:
        user = self.users.rows.get(user_id)
        if user is None:
            return None
        has_totp = (await self.factors.of_user(user_id)).totp_since is not None
        return UserProfile(user=user, attributes=dict(self.users.attributes[user_id]), has_totp=has_totp)

    async def change(self, user_id: UUID, change: ProfileChange, *, session_id: str) -> bool:
        user = self.users.rows.get(user_id)
        self.users.require_good(user_id, session_id)
        if user is None or user.disabled_at:
            return False
        first = user.first_name if change.first_name is None else change.first_name
        last = user.last_name if change.last_name is None else change.last_name
        self.users.rows[user_id] = replace(user, first_name=first, last_name=last)
        kept = self.users.attributes[user_id] | dict(change.attributes)
        self.users.attributes[user_id] = {name: one for name, one in kept.items() if name not in change.removed}
        if change.email_change:
            await self.changes.request(change.email_change, session_id=session_id)
        return True
