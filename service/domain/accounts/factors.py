"""A member's second factors: adding and removing them, and recovery codes."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.ports import Enrolments, FactorChanges
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notice
from service.domain.models import Caller, User, Visitor
from service.domain.second_factors.models import ConfirmedTotp, Factor, HeldFactors, Proof
from service.domain.second_factors.second_factors import SecondFactors
from service.domain.sessions.ports import UserLookup
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.errors import FactorExistsError, FactorNotFoundError, InvalidCodeError

UNCONFIRMED_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class NewTotp:
    """A secret for an authenticator app. It is of no use before a code of it has been sent."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    users: UserLookup
    changes: FactorChanges
    enrolments: Enrolments
    second_factors: SecondFactors
    confirmation: Confirmation
    revocation: SessionRevocation
    user_revocation: UserRevocation
    throttle: Throttle
    ambient: Ambient
    events: Events

    async def held_by(self, caller: Caller) -> HeldFactors:
        """Raises InvalidTokenError when the account is gone or disabled."""
        return await self.second_factors.held_by(await self.confirmation.account_of(caller.member))

    async def names_of(self, user: User) -> list[Factor]:
        """What a login of this user asks for besides the password; none without a second factor."""
        return await self.second_factors.names_of(user) if user.second_factor_since else []

    async def begin_totp(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> NewTotp:
        """Nothing changes before `confirm_totp`. Raises FactorExistsError, or as `Confirmation.require` does."""
        user = await self.confirmation.require(caller, password, proof, visitor)
        if (await self.second_factors.held_by(user)).totp_since:
            raise FactorExistsError
        return await self._begin_totp(user)

    async def begin_totp_by_session(self, caller: Caller) -> NewTotp:
        """For a protocol whose calls have no room for a password. It may replace a TOTP that is on, see `keep_totp`."""
        return await self._begin_totp(await self.confirmation.account_of(caller.member))

    async def confirm_totp(self, caller: Caller, code: str, visitor: Visitor) -> list[str]:
        """Turn TOTP on, by a code of the app, and end every other session. The new recovery codes.

        Raises FactorExistsError, InvalidCodeError, OverloadedError, RateLimitedError or UnavailableError. After an
        outage that came later than the change, the member asks for other recovery codes.
        """
        user, totp = await self._confirmed(caller, code, visitor)
        codes, digests = self.second_factors.recovery_codes.make(user.id)
        ending = self.user_revocation.of(user.id, Reason.FACTOR_ADDED, caller.session_id)
        if not await self.changes.add_totp(totp, digests, ending):
            raise FactorExistsError
        await self._tell_of_new(user, caller, visitor)
        await self.user_revocation.finish(ending)
        await self.enrolments.remove(user.id)
        return codes

    async def keep_totp(self, caller: Caller, code: str, visitor: Visitor) -> None:
        """Store TOTP without turning it on, by a code of the app. Where one is on, this one is in its place from now
        on, and every other session ends.

        Raises as `confirm_totp` does, but for FactorExistsError.
        """
        user, totp = await self._confirmed(caller, code, visitor)
        ending = self.user_revocation.of(user.id, Reason.FACTOR_ADDED, caller.session_id)
        if await self.changes.keep_totp(totp, ending):
            await self._tell_of_new(user, caller, visitor)
            await self.user_revocation.finish(ending)
        await self.enrolments.remove(user.id)

    async def turn_on_totp(self, caller: Caller, visitor: Visitor) -> None:
        """From now on logins ask for the TOTP that was kept, and every other session ends. No recovery codes are made.

        Raises FactorNotFoundError, or UnavailableError; then, and where it was on already, it can be asked for again.
        """
        user = await self.confirmation.account_of(caller.member)
        await self.revocation.require_complete()
        ending = self.user_revocation.of(user.id, Reason.FACTOR_ADDED, caller.session_id)
        was_turned = await self.changes.turn_on_totp(self.ambient.now(), ending)
        if was_turned is None:
            raise FactorNotFoundError(user_id=user.id)
        if was_turned:
            await self._tell_of_new(user, caller, visitor)
            await self.user_revocation.finish(ending)

    async def turn_off_totp(self, caller: Caller, visitor: Visitor) -> None:
        """It is kept, and no login asks for it. Raises FactorNotFoundError."""
        user = await self.confirmation.account_of(caller.member)
        was_turned = await self.changes.turn_off_totp(user.id, session_id=caller.session_id)
        if was_turned is None:
            raise FactorNotFoundError(user_id=user.id)
        if was_turned:
            self._emit(user.id, Reason.FACTOR_REMOVED, caller.session_id)
            await self.second_factors.notices.tell(user, Notice.FACTOR_REMOVED, visitor)

    async def remove_totp(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> None:
        """Raises FactorNotFoundError, or as `Confirmation.require` does."""
        user = await self.confirmation.require(caller, password, proof, visitor)
        if not await self.changes.remove_totp(user.id):
            raise FactorNotFoundError
        self._emit(user.id, Reason.FACTOR_REMOVED, caller.session_id)
        await self.second_factors.notices.tell(user, Notice.FACTOR_REMOVED, visitor)

    async def replace_recovery_codes(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> list[str]:
        """Ten new ones; the old ones are void. Raises FactorNotFoundError, or as `Confirmation.require` does."""
        user = await self.confirmation.require(caller, password, proof, visitor)
        codes, digests = self.second_factors.recovery_codes.make(user.id)
        if not await self.changes.replace_recovery_codes(user.id, digests, session_id=caller.session_id):
            raise FactorNotFoundError
        self._emit(user.id, Reason.RECOVERY_CODES_REPLACED, caller.session_id)
        return codes

    async def of_account(self, email: str) -> HeldFactors | None:
        """For an operator; None when there is no such account."""
        user = await self.users.by_email(emails.for_look_up(email))
        return await self.second_factors.held_by(user) if user else None

    async def remove_all(self, email: str) -> bool:
        """For a member who is locked out, by an operator. Ends every session; False when there is nothing to remove."""
        user = await self.users.by_email(emails.for_look_up(email))
        return user is not None and await self.remove_all_of(user)

    async def remove_all_of(self, user: User) -> bool:
        ending = self.user_revocation.of(user.id, Reason.BY_OPERATOR)
        if not await self.changes.remove_all(ending):
            return False
        self._emit(user.id, Reason.FACTOR_REMOVED)
        await self.second_factors.notices.tell(user, Notice.BY_OPERATOR)
        await self.user_revocation.finish(ending)
        return True

    async def _begin_totp(self, user: User) -> NewTotp:
        secret, sealed = self.second_factors.totp.make(user.id)
        await self.enrolments.begin(user.id, sealed, UNCONFIRMED_FOR)
        return NewTotp(secret, self.second_factors.totp.uri(secret, user.email))

    async def _confirmed(self, caller: Caller, code: str, visitor: Visitor) -> tuple[User, ConfirmedTotp]:
        """The begun TOTP that this is a code of. Raises InvalidCodeError."""
        user = await self.confirmation.account_of(caller.member)
        async with self.throttle.login(user.canonical_email, visitor) as attempt:
            sealed = await self.enrolments.find(user.id)
            step = self.second_factors.totp.step_of(user.id, sealed, "".join(code.split())) if sealed else None
            if sealed is None or step is None:
                why = Reason.WRONG_CODE
                self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id, caller.session_id))
                raise InvalidCodeError(why, user_id=user.id, session_id=caller.session_id)
            attempt.succeeded()
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        now = self.ambient.now()
        return user, ConfirmedTotp(user_id=user.id, secret_sealed=sealed, confirmed_at=now, step=step)

    async def _tell_of_new(self, user: User, caller: Caller, visitor: Visitor) -> None:
        self._emit(user.id, Reason.FACTOR_ADDED, caller.session_id)
        await self.second_factors.notices.tell(user, Notice.FACTOR_ADDED, visitor)

    def _emit(self, user_id: UUID, reason: Reason, session_id: str = "") -> None:
        self.events.emit(Event(Name.USER_UPDATED, reason=reason, user_id=user_id, session_id=session_id))
