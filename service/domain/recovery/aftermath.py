"""What follows a change that is made: an outage is only logged, as an error would deny what has happened."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from service.domain.mail.models import Kind
from service.domain.recovery.ports import MailCodes
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.user_revocation import UserRevocation

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    user_revocation: UserRevocation
    codes: MailCodes
    outages: tuple[type[Exception], ...]

    async def end_sessions(self, ending: PendingRevocation) -> bool:
        """False: the sessions end later; some instance tries again within seconds."""
        try:
            await self.user_revocation.finish(ending)
        except self.outages as error:
            log.warning("sessions end later", user_id=str(ending.user_id), error=type(error).__name__)
            return False
        return True

    async def forget(self, user_id: UUID, kind: Kind) -> None:
        """A code was used. If it cannot be forgotten, it is good for nothing either."""
        try:
            await self.codes.remove(user_id, kind)
        except self.outages as error:
            log.warning("used code not removed", user_id=str(user_id), error=type(error).__name__)
