"""What a user's own clients know of the account besides the four calls."""

from dataclasses import dataclass

from service.domain.accounts.ports import ProfileStore
from service.domain.events.security_events import Reason
from service.domain.models import Caller, UserProfile
from service.errors import InvalidTokenError
from service.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    store: ProfileStore

    async def of(self, caller: Caller) -> UserProfile:
        """Raises InvalidTokenError when the account is gone or disabled."""
        profile = await self.store.by_id(caller.user_id)
        if profile is None or profile.user.disabled_at:
            raise InvalidTokenError(Reason.DISABLED if profile else Fault.ACCOUNT_GONE, user_id=caller.user_id)
        return profile
