"""Whether somebody whose password was right also has the account's second factor."""

from dataclasses import dataclass

from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.mail.notices import Notice, Notices
from service.domain.models import User, Visitor
from service.domain.second_factors import totp
from service.domain.second_factors.models import Factor, HeldFactors, Proof
from service.domain.second_factors.ports import Assertions, FactorStore
from service.domain.second_factors.recovery_codes import RecoveryCodes
from service.domain.second_factors.totp import Totp
from service.errors import InvalidCodeError, SecondFactorRequiredError

PASSWORD, ONE_TIME_PASSWORD = "pwd", "otp"  # RFC 8176


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactors:
    store: FactorStore
    totp: Totp
    recovery_codes: RecoveryCodes
    notices: Notices
    events: Events
    assertions: Assertions | None = None  # None where passkeys are not set up

    async def held_by(self, user: User) -> HeldFactors:
        return await self.store.of_user(user.id)

    async def names_of(self, user: User) -> list[Factor]:
        """What may prove who the user is, in the order in which to ask for it."""
        held = await self.store.of_user(user.id)
        usable = {
            Factor.PASSKEY: bool(self.assertions and held.passkeys and await self.assertions.are_usable(user)),
            Factor.TOTP: held.totp_since is not None,
            Factor.RECOVERY_CODE: held.recovery_codes_left > 0,
        }
        return [factor for factor in Factor if usable[factor]]

    async def use(
        self, user: User, proof: Proof, visitor: Visitor, session_id: str = "", first: str = PASSWORD
    ) -> tuple[str, ...]:
        """How the user authenticated, for the claim `amr`; the proof is used up. `first`: the first factor.

        Raises InvalidCodeError, or SecondFactorRequiredError without a proof.
        """
        if proof.is_empty:
            raise SecondFactorRequiredError(await self.names_of(user), user_id=user.id)
        if proof.is_shown_by_session:
            return (first,)
        try:
            return (first, *await self._use(user, proof, visitor))
        except InvalidCodeError as wrong:
            why = Reason.CODE_OVER if wrong.why == Reason.CODE_OVER else Reason.WRONG_CODE
            self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id, session_id))
            raise InvalidCodeError(why, user_id=user.id, session_id=session_id) from wrong

    async def _use(self, user: User, proof: Proof, visitor: Visitor) -> tuple[str, ...]:
        if proof.credential is not None:
            if self.assertions is None:
                raise InvalidCodeError
            return await self.assertions.use(user, proof.credential)
        code = "".join(proof.code.split())  # apps show codes in groups
        await (self._use_totp(user, code) if totp.is_code(code) else self._use_recovery_code(user, code, visitor))
        return (ONE_TIME_PASSWORD,)

    async def _use_totp(self, user: User, code: str) -> None:
        sealed = await self.store.totp_secret(user.id)
        step = self.totp.step_of(user.id, sealed, code) if sealed else None
        if step is None:
            raise InvalidCodeError
        if not await self.store.use_step(user.id, step):
            raise InvalidCodeError(Reason.CODE_OVER)

    async def _use_recovery_code(self, user: User, code: str, visitor: Visitor) -> None:
        digests = self.recovery_codes.digests(user.id, code)
        if not digests or not await self.store.use_recovery_code(user.id, digests):
            raise InvalidCodeError
        self.events.emit(Event(Name.USER_UPDATED, reason=Reason.RECOVERY_CODE_USED, user_id=user.id))
        await self.notices.tell(user, Notice.RECOVERY_CODE_USED, visitor)
