"""Whether an account's address must be proved before a login, and the mails that nobody has to ask for."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import LIFE, Kind, Wish
from service.domain.models import User, Visitor
from service.errors import EmailNotVerifiedError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressProof:
    mails: Mails
    limits: MailLimits
    events: Events
    is_required: bool
    code_life: timedelta  # of the mail that a sign-up sends where it must be answered before a login
    ambient: Ambient
    outages: tuple[type[Exception], ...]

    def admits(self, user: User) -> bool:
        """Whether the account may be used as far as the proof of its address goes."""
        is_required = self.is_required or user.must_prove_address
        return not is_required or user.email_verified_at is not None

    async def welcome(self, user: User) -> None:
        """A mail to a new account. Sign-ups have limits of their own."""
        if self.mails.is_configured:
            await self._send(user)

    async def require(self, user: User, visitor: Visitor) -> None:
        """Call it after the right password: a stranger must not learn that an address is not proved.

        Raises EmailNotVerifiedError, after another mail if the limits allow one. The code of a sign-up that waits for
        its proof is not replaced while it is good: whoever tries to log in may be about to type it.
        """
        if self.admits(user):
            return
        has_code = user.waits_for_proof and self.ambient.now() - user.created_at < self.code_life
        try:
            if not has_code and await self.limits.admits_mail(visitor):
                await self._send(user)
        except self.outages as error:
            _note(user, error)
        why = Reason.EMAIL_NOT_VERIFIED
        self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id))
        raise EmailNotVerifiedError(why, user_id=user.id)

    async def _send(self, user: User) -> None:
        """An outage is only logged: the mail can be asked for."""
        facts = {LIFE: str(int(self.code_life.total_seconds()))} if user.waits_for_proof else {}
        wish = Wish(kind=Kind.VERIFY, recipient=user.email, user_id=user.id, language=user.language, facts=facts)
        try:
            await self.mails.wish(wish)
        except self.outages as error:
            _note(user, error)


def _note(user: User, error: Exception) -> None:
    log.warning("no mail to prove an address", user_id=str(user.id), error=type(error).__name__)
