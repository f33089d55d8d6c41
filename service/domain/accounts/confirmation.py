"""Changes of an account are confirmed: with its password and, where it has one, with its second factor."""

from dataclasses import dataclass
from datetime import timedelta

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.models import Caller, Member, User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.second_factors.models import Proof
from service.domain.second_factors.second_factors import SecondFactors
from service.domain.sessions.ports import UserLookup
from service.errors import InvalidTokenError, WrongPasswordError
from service.faults import Fault

RETRIED_WITHIN = timedelta(minutes=5)  # for retrying a password change that was answered with an outage


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A wrong password or code counts as a failed login of the account; without a second factor nothing is counted."""

    users: UserLookup
    passwords: Passwords
    second_factors: SecondFactors
    throttle: Throttle
    ambient: Ambient
    events: Events

    async def account_of(self, member: Member) -> User:
        """Raises InvalidTokenError when the account is gone or disabled."""
        user = member.user or await self.users.by_id(member.user_id)
        if user is None or user.disabled_at:
            raise InvalidTokenError(Reason.DISABLED if user else Fault.ACCOUNT_GONE, user_id=member.user_id)
        return user

    async def require(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> User:
        """The caller's account. The password first, as a login checks it, and then the second factor.

        Raises WrongPasswordError, SecondFactorRequiredError, InvalidCodeError, OverloadedError, RateLimitedError or
        UnavailableError.
        """
        user, _ = await self.require_for_new_password(caller, password, "", proof, visitor)
        return user

    async def require_for_new_password(
        self, caller: Caller, password: str, new: str, proof: Proof, visitor: Visitor
    ) -> tuple[User, bool]:
        """As `require`, and whether it was `new` that is right: the change was made some minutes ago at the most.

        However many passwords are compared, it counts as one login.
        """
        user = await self.account_of(caller.member)
        with self.passwords.reserve(visitor, user.canonical_email) as place:
            async with self.throttle.login(user.canonical_email, visitor) as attempt:
                is_right = (await self.passwords.match(password, user.password_hash, place)).same
                is_retry = not is_right and bool(new) and await self._is_new_already(user, new, visitor)
                if not (is_right or is_retry):
                    why = Reason.WRONG_CONFIRMATION
                    self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id, caller.session_id))
                    raise WrongPasswordError(why, user_id=user.id, session_id=caller.session_id)
                if user.second_factor_since:
                    await self.second_factors.use(user, proof, visitor, caller.session_id)
                attempt.succeeded()
        return user, is_retry

    async def require_factor(self, caller: Caller, proof: Proof, visitor: Visitor) -> User:
        """The second factor alone, for a call that asks for no password; nothing at all without one.

        Raises SecondFactorRequiredError, InvalidCodeError, RateLimitedError or UnavailableError.
        """
        user = await self.account_of(caller.member)
        if user.second_factor_since:
            async with self.throttle.login(user.canonical_email, visitor) as attempt:
                await self.second_factors.use(user, proof, visitor, caller.session_id)
                attempt.succeeded()
        return user

    async def _is_new_already(self, user: User, new: str, visitor: Visitor) -> bool:
        was_changed = user.password_changed_at > user.created_at
        if not was_changed or self.ambient.now() - user.password_changed_at > RETRIED_WITHIN:
            return False
        with self.passwords.reserve(visitor, user.canonical_email) as place:
            return (await self.passwords.match(new, user.password_hash, place)).same
