"""A password that an operator sets at a command. No API does that."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.domain.accounts.ports import Users
from service.domain.administration.administration import AT_A_COMMAND
from service.domain.administration.rules import require_good_password
from service.domain.events.security_events import Event, Events, Name, Reason, acting
from service.domain.mail.notices import Notice, Notices
from service.domain.models import User
from service.domain.passwords.passwords import Passwords
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.domain.srp.verifiers import Verifiers
from service.errors import UserNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPasswords:
    users: Users
    passwords: Passwords
    verifiers: Verifiers
    revocation: SessionRevocation
    user_revocation: UserRevocation
    notices: Notices
    ambient: Ambient
    events: Events

    async def set(self, user: User, password: str, actor: str) -> None:
        """Every session ends; second factors and API keys stay. The user is told.

        Raises InvalidFieldsError, UnavailableError, a store's outage, or UserNotFoundError where the account was
        closed or its password changed meanwhile: nothing is done then.
        """
        require_good_password(password)
        self.passwords.refuse_common("password", password, user.canonical_email)
        making = self.verifiers.make(user.id, password)
        with self.passwords.reserve(AT_A_COMMAND, user.canonical_email) as place:
            password_hash = await self.passwords.hash(password, place, making)
        await self.revocation.require_complete()
        at = user.time_of_next_password(self.ambient.now())
        with acting(actor):
            ending = self.user_revocation.of(user.id, Reason.BY_OPERATOR, password_changed_at=at)
            if not await self.users.set_password(user, password_hash, ending):
                raise UserNotFoundError
            self.events.emit(Event(Name.PASSWORD_CHANGED, reason=Reason.BY_OPERATOR, user_id=user.id))
            await self.verifiers.keep(making, at)
            await self.notices.tell(user, Notice.BY_OPERATOR)
            await self.user_revocation.finish(ending)
