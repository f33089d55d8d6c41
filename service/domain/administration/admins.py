"""The people of the admin pages: named by the command alone, admitted with a second factor alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from service.ambient import Ambient
from service.domain.administration.models import Admin
from service.domain.administration.ports import AdminStore
from service.domain.events.security_events import Event, Events, Name, Reason, acting
from service.domain.mail.notices import Notice, Notices
from service.domain.models import Session, User


class Standing(Enum):
    """Of a session towards the admin pages."""

    NO_ADMIN = auto()
    HAS_NO_FACTOR = auto()  # the account of an admin
    FACTOR_NOT_SHOWN = auto()  # the account has one, and this session was opened before it had, or without it
    ADMIN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admins:
    store: AdminStore
    notices: Notices
    ambient: Ambient
    events: Events

    async def grant(self, user: User, actor: str) -> bool:
        """The user is told. False, and nothing, where the account is gone or has the right already."""
        with acting(actor):
            admin = Admin(user_id=user.id, granted_at=self.ambient.now(), granted_by=actor)
            return await self.store.grant(admin) and await self._tell(user, Reason.ADMIN_GRANTED)

    async def revoke(self, user: User, actor: str) -> bool:
        """From the next request on. False, and nothing, for who is no admin."""
        with acting(actor):
            return await self.store.revoke(user.id) and await self._tell(user, Reason.ADMIN_REVOKED)

    async def find(self, user_id: UUID) -> Admin | None:
        return await self.store.find(user_id)

    async def all(self) -> Sequence[Admin]:
        """The first one first."""
        return await self.store.all()

    async def standing_of(self, user: User, session: Session) -> Standing:
        """As the account is now: `user` is what the request has read of it."""
        if await self.store.find(user.id) is None:
            return Standing.NO_ADMIN
        if user.second_factor_since is None:
            return Standing.HAS_NO_FACTOR
        return Standing.ADMIN if len(session.methods) > 1 else Standing.FACTOR_NOT_SHOWN

    async def _tell(self, user: User, why: Reason) -> bool:
        self.events.emit(Event(Name.RIGHTS_CHANGED, reason=why, user_id=user.id))
        await self.notices.tell(user, Notice.BY_OPERATOR)
        return True
