"""Login by a code that is mailed: in place of the password, not of the second factor."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import UUID

from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Wish
from service.domain.models import User, Visitor
from service.domain.second_factors.models import NO_PROOF
from service.domain.sessions.login import Login
from service.domain.sessions.models import SignedIn
from service.domain.sessions.sign_in_sessions import SignInSession, SignInSessions
from service.errors import InvalidChallengeError, InvalidCodeError

EMAIL = "email"  # in `amr`: RFC 8176 has no name for it, and `otp` stands for a second factor here
MAIL_ID = "mail"  # the fact of a session


class CodesOfMails(Protocol):
    def is_code(self, shown: str, kind: Kind, user_id: UUID, mail_id: UUID) -> bool: ...

    def nobody(self, canonical_email: str) -> UUID:
        """In place of the id of an account that there is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailLogin:
    """The code is derived from the mail's id, which only the sealed session has: it is good with that alone.

    A session takes five tries, and each is an attempt at a login, whose limits know the sources of the owner.
    """

    login: Login
    sessions: SignInSessions
    codes: CodesOfMails
    mails: Mails
    limits: MailLimits
    events: Events

    @property
    def is_available(self) -> bool:
        return self.mails.is_configured

    async def ask(self, email: str, visitor: Visitor) -> dict[str, str]:
        """The facts of the session that waits for the code. Files a wish for any address: who writes the mail looks
        whether there is a proved one.

        Raises NotConfiguredError, RateLimitedError or a store's outage.
        """
        self.mails.require_configured()
        await self.limits.mail(visitor)
        recipient = emails.for_look_up(email).replace("\0", "")  # Postgres rejects a text with NUL
        filed = await self.mails.wish(Wish(kind=Kind.SIGN_IN, recipient=recipient))
        return {MAIL_ID: str(filed.id)} if filed else {}

    async def with_code(
        self, session: SignInSession, email: str, code: str, visitor: Visitor, client_id: str = ""
    ) -> SignedIn:
        """As much an attempt at the account as a password. Known and unknown accounts take the same path.

        Raises RateLimitedError, UnavailableError, InvalidChallengeError, InvalidCodeError or SecondFactorRequiredError.
        """
        canonical_email = emails.for_look_up(email)
        await self.sessions.count_try(session)
        login = self.login
        async with (
            login.throttle.login(canonical_email, visitor) as attempt,
            self.limits.code(visitor),  # of the source alone: strangers try nothing but codes of their own sessions
        ):
            key_is_good = login.revocation.require_good_key(login.tokens)
            user, _ = await asyncio.gather(login.users.by_email(canonical_email), key_is_good)
            user = self._require_right(session, canonical_email, user, code)
            await self.sessions.claim(session)
            methods = await login.prove(user, NO_PROOF, visitor) or (EMAIL,)
            signed_in = await login.open_session(user, visitor, methods, InvalidChallengeError, client_id)
            attempt.succeeded()
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=signed_in.session_id))
        return signed_in

    def _require_right(self, session: SignInSession, canonical_email: str, user: User | None, code: str) -> User:
        """Raises InvalidCodeError, after its event."""
        mail_id = UUID(session.facts[MAIL_ID])
        user_id = user.id if user else self.codes.nobody(canonical_email)
        is_right = self.codes.is_code(code, Kind.SIGN_IN, user_id, mail_id)
        refused = partial(self._refused, canonical_email, user)
        if not is_right or user is None:
            raise refused(Reason.WRONG_CODE if user else Reason.UNKNOWN_EMAIL)
        if user.disabled_at:
            raise refused(Reason.DISABLED)
        if user.email_verified_at is None:
            raise refused(Reason.EMAIL_NOT_VERIFIED)
        if user.password_changed_at > session.begun_at:  # which ends what was begun before, as it ends the sessions
            raise refused(Reason.CODE_OVER)
        return user

    def _refused(self, canonical_email: str, user: User | None, why: Reason) -> InvalidCodeError:
        user_id, account = user.id if user else None, self.events.account(canonical_email)
        self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user_id, account=account))
        return InvalidCodeError(why, user_id=user_id)
