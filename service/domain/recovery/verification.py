"""Proving the e-mail address of an account."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.domain.accounts.accounts import Accounts
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.limits.throttle import Throttle
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Wish
from service.domain.models import Caller, User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.recovery.aftermath import Aftermath
from service.domain.recovery.models import MailEvidence, MailProof
from service.domain.recovery.ports import ProvedUsers
from service.domain.recovery.proofs import Proofs
from service.errors import InvalidCredentialsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Nobody is evicted by somebody who is in the account already: with a session of it, or its password.

    Anybody else who proves the address takes the account over with a new password: see `PasswordRecovery`.
    """

    users: ProvedUsers
    accounts: Accounts
    proofs: Proofs
    mails: Mails
    limits: MailLimits
    passwords: Passwords
    throttle: Throttle
    aftermath: Aftermath
    ambient: Ambient
    events: Events

    async def ask(self, caller: Caller, visitor: Visitor) -> None:
        """A mail to the caller's address, unless that is proved.

        Raises NotConfiguredError, InvalidTokenError, RateLimitedError or a store's outage.
        """
        self.mails.require_configured()
        await self.limits.mail(visitor, caller)
        user = await self.accounts.profile(caller.member)
        if user.email_verified_at is None:
            wish = Wish(kind=Kind.VERIFY, recipient=user.email, user_id=user.id, language=user.language)
            await self.mails.wish(wish)

    async def with_session(self, shown: MailEvidence, caller: Caller, visitor: Visitor) -> None:
        """Raises NotConfiguredError, InvalidCodeError, RateLimitedError or a store's outage."""
        self.mails.require_configured()
        proof = await self.proofs.of(Kind.VERIFY, shown, visitor)
        if proof.user.id != caller.user_id:
            raise self.proofs.refused(Reason.OF_ANOTHER, proof.user)
        await self.prove(proof)

    async def with_password(self, shown: MailEvidence, password: str, visitor: Visitor) -> None:
        """The password is checked as a login does.

        Raises NotConfiguredError, InvalidCodeError, InvalidCredentialsError, OverloadedError, RateLimitedError or
        UnavailableError.
        """
        self.mails.require_configured()
        account = None if shown.token else emails.for_look_up(shown.email)
        with self.passwords.reserve(visitor, account) as place:
            proof = await self.proofs.of(Kind.VERIFY, shown, visitor)
            user = proof.user
            async with self.throttle.login(user.canonical_email, visitor) as attempt:
                if not (await self.passwords.match(password, user.password_hash, place)).same:
                    raise self._wrong_password(user)
                if user.second_factor_since:
                    attempt.refund()  # the password is half of a login
                else:
                    attempt.succeeded()
        await self.prove(proof)

    def _wrong_password(self, user: User) -> InvalidCredentialsError:
        why = Reason.WRONG_PASSWORD
        self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id))
        return InvalidCredentialsError(why, user_id=user.id)

    async def prove(self, proof: MailProof) -> None:
        """Nothing else happens. Raises InvalidCodeError or a store's outage."""
        user = proof.user
        if not await self.users.prove(user, self.ambient.now()):
            raise self.proofs.refused(Reason.CODE_OVER, user)
        self.events.emit(Event(Name.USER_UPDATED, reason=Reason.EMAIL_VERIFIED, user_id=user.id))
        await self.aftermath.forget(user.id, Kind.VERIFY)
