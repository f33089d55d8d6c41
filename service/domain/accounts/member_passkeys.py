"""A member's passkeys: adding, naming and removing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.ports import Added, PasskeyChanges
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notice
from service.domain.models import Caller, User, Visitor
from service.domain.second_factors.base64url import decoded
from service.domain.second_factors.models import Passkey, Proof
from service.domain.second_factors.passkeys import Passkeys
from service.domain.second_factors.ports import PasskeyStore
from service.domain.second_factors.second_factors import SecondFactors
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.errors import FactorExistsError, FactorNotFoundError, InvalidCodeError, NotConfiguredError, TooManyError

MOST = 10  # of one user


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPasskeys:
    passkeys: Passkeys | None  # None where they are not set up; those that there are can still be removed
    store: PasskeyStore
    changes: PasskeyChanges
    second_factors: SecondFactors
    confirmation: Confirmation
    revocation: SessionRevocation
    user_revocation: UserRevocation
    throttle: Throttle
    events: Events
    must_have_one: bool = False  # a second factor, every account

    async def all_of(self, caller: Caller) -> Sequence[Passkey]:
        """The oldest first."""
        return await self.store.of_user(caller.user_id)

    async def begin_login(self, visitor: Visitor) -> dict[str, Any]:
        """Options of a login or a proof by passkey. Raises NotConfiguredError or RateLimitedError."""
        passkeys = self.require_configured()
        await self.throttle.passkey(visitor)
        return await passkeys.assertion_options()

    async def begin(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> dict[str, Any]:
        """Options of a registration. Raises NotConfiguredError or TooManyError, or as `Confirmation.require` does."""
        self.require_configured()
        return await self._begin(await self.confirmation.require(caller, password, proof, visitor), by_session=False)

    async def begin_by_session(self, caller: Caller) -> dict[str, Any]:
        """As `begin`, for a protocol whose calls have no room for a password: `add_by_session` goes on with it."""
        self.require_configured()
        return await self._begin(await self.confirmation.account_of(caller.member), by_session=True)

    async def add(
        self, caller: Caller, credential: Mapping[str, Any], name: str, visitor: Visitor
    ) -> tuple[Passkey, list[str]]:
        """The new passkey of `begin` and, where it is the first factor, recovery codes. Every other session ends.

        Raises NotConfiguredError, InvalidCodeError, FactorExistsError, TooManyError, RateLimitedError or
        UnavailableError. After an outage that came later than the change, the member asks for other recovery codes.
        """
        return await self._add(caller, credential, name, visitor, by_session=False)

    async def add_by_session(
        self, caller: Caller, credential: Mapping[str, Any], name: str, visitor: Visitor
    ) -> Passkey:
        """The new passkey of `begin_by_session`. Raises as `add` does."""
        passkey, _ = await self._add(caller, credential, name, visitor, by_session=True)
        return passkey

    async def _add(
        self, caller: Caller, credential: Mapping[str, Any], name: str, visitor: Visitor, *, by_session: bool
    ) -> tuple[Passkey, list[str]]:
        passkeys = self.require_configured()
        user = await self.confirmation.account_of(caller.member)
        async with self.throttle.login(user.canonical_email, visitor) as attempt:
            try:
                passkey = await passkeys.register(user, credential, name, by_session=by_session)
            except InvalidCodeError:
                why = Reason.WRONG_PASSKEY
                self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user.id, caller.session_id))
                raise
            attempt.refund()  # whoever has a session can make a passkey: it proves nothing of the account
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        codes, digests = self.second_factors.recovery_codes.make(user.id)
        ending = self.user_revocation.of(user.id, Reason.FACTOR_ADDED, caller.session_id)
        added = await self.changes.add(passkey, MOST, digests, ending)
        if added is Added.TOO_MANY:
            raise TooManyError(user_id=user.id)
        if added is Added.EXISTS:
            raise FactorExistsError(user_id=user.id)
        self._emit(user.id, Reason.FACTOR_ADDED, caller.session_id)
        await self.second_factors.notices.tell(user, Notice.FACTOR_ADDED, visitor)
        await self.user_revocation.finish(ending)
        return passkey, codes if added is Added.FIRST else []

    async def rename(self, caller: Caller, passkey_id: str, name: str) -> None:
        """Raises FactorNotFoundError."""
        if not await self.changes.rename(caller.user_id, _id(passkey_id), name):
            raise FactorNotFoundError(user_id=caller.user_id)

    async def remove(self, caller: Caller, passkey_id: str, password: str, proof: Proof, visitor: Visitor) -> None:
        """Raises FactorNotFoundError, or as `Confirmation.require` does."""
        user = await self.confirmation.require(caller, password, proof, visitor)
        await self._remove(user, caller, passkey_id, visitor, may_be_last=True)

    async def remove_by_session(self, caller: Caller, passkey_id: str, visitor: Visitor) -> None:
        """As `remove`, for a protocol whose calls have no room for a password. The last factor of an account that must
        have one stays: LastFactorError.
        """
        user = await self.confirmation.account_of(caller.member)
        await self._remove(user, caller, passkey_id, visitor, may_be_last=not self.must_have_one)

    def require_configured(self) -> Passkeys:
        if self.passkeys is None:
            raise NotConfiguredError("passkeys need their extra, and a domain: of the issuer, or passkeys.rp_id")
        return self.passkeys

    async def _begin(self, user: User, *, by_session: bool) -> dict[str, Any]:
        passkeys = self.require_configured()
        if len(await self.store.of_user(user.id)) >= MOST:
            raise TooManyError(user_id=user.id)
        return await passkeys.registration_options(user, by_session=by_session)

    async def _remove(
        self, user: User, caller: Caller, passkey_id: str, visitor: Visitor, *, may_be_last: bool
    ) -> None:
        if not await self.changes.remove(user.id, _id(passkey_id), may_be_last=may_be_last):
            raise FactorNotFoundError(user_id=user.id)
        self._emit(user.id, Reason.FACTOR_REMOVED, caller.session_id)
        await self.second_factors.notices.tell(user, Notice.FACTOR_REMOVED, visitor)

    def _emit(self, user_id: UUID, reason: Reason, session_id: str) -> None:
        self.events.emit(Event(Name.USER_UPDATED, reason=reason, user_id=user_id, session_id=session_id))


def _id(text: str) -> bytes:
    try:
        return decoded(text)
    except ValueError:
        raise FactorNotFoundError from None
