"""The first second factor of an account, set up at its login where each account must have one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.factors import NewTotp
from service.domain.accounts.ports import FactorChanges
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.attempt import Attempt
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notice
from service.domain.models import User, Visitor
from service.domain.second_factors.challenges import Challenge, Challenges
from service.domain.second_factors.models import ConfirmedTotp
from service.domain.second_factors.second_factors import ONE_TIME_PASSWORD, PASSWORD, SecondFactors
from service.domain.sessions.login import Login
from service.domain.sessions.models import SignedIn
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.domain.signing.tokens import Tokens
from service.errors import InvalidChallengeError, InvalidCodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSetup:
    """`begin` and `finish` keep the secret with the challenge; `offer`, `confirm` and `complete` are the steps for a
    protocol that has another place for it, which nobody can read or write.

    Whoever knows the password sets the factor up, as with `Factors`. It and the session are there in this order: with
    an outage in between, the next login asks for a code of the app.
    """

    login: Login
    challenges: Challenges
    changes: FactorChanges
    second_factors: SecondFactors
    revocation: SessionRevocation
    user_revocation: UserRevocation
    throttle: Throttle
    tokens: Tokens
    ambient: Ambient
    events: Events

    async def begin(self, token: str, visitor: Visitor) -> NewTotp:
        """Instead of one that was begun before. Raises InvalidChallengeError, RateLimitedError or UnavailableError."""
        challenge, new, sealed = await self._offer(token, visitor)
        await self.challenges.keep_secret(challenge, sealed)
        return new

    async def finish(self, token: str, code: str, visitor: Visitor) -> tuple[SignedIn, list[str]]:
        """By a code of the app: the session, and recovery codes. As much an attempt at the account as a login.

        Raises InvalidChallengeError, InvalidCodeError, OverloadedError, RateLimitedError or UnavailableError.
        """
        challenge, user = await self._challenged(token, visitor)
        async with self._attempt(user, visitor) as attempt:
            await self.challenges.count_try(challenge)
            sealed = await self.challenges.secret(challenge)
            step = self._step_of(user, sealed, code)
            codes, digests = self.second_factors.recovery_codes.make(user.id)
            totp = self._totp(user, sealed or b"", step)
            signed_in = await self._complete(challenge, user, totp, visitor, codes=digests)
            attempt.succeeded()
        return signed_in, codes

    async def offer(self, token: str, visitor: Visitor) -> tuple[NewTotp, bytes]:
        """A new secret, and its sealed form for the steps below. Raises as `begin` does."""
        _, new, sealed = await self._offer(token, visitor)
        return new, sealed

    async def confirm(self, token: str, sealed: bytes, code: str, visitor: Visitor) -> int:
        """The step of the code, for `complete`; nothing is stored. Raises as `finish` does."""
        challenge, user = await self._challenged(token, visitor)
        async with self._attempt(user, visitor) as attempt:
            await self.challenges.count_try(challenge)
            step = self._step_of(user, sealed, code)
            attempt.refund()
        return step

    async def complete(
        self, token: str, sealed: bytes, step: int, visitor: Visitor, *, client_id: str = "", first: str = PASSWORD
    ) -> SignedIn:
        """Turn it on and open the session; no recovery codes are made. `first`: the factor before.

        Raises InvalidChallengeError, OverloadedError, RateLimitedError or UnavailableError.
        """
        challenge, user = await self._challenged(token, visitor)
        async with self._attempt(user, visitor) as attempt:
            totp = self._totp(user, sealed, step)
            signed_in = await self._complete(challenge, user, totp, visitor, client_id=client_id, first=first)
            attempt.succeeded()
        return signed_in

    async def _offer(self, token: str, visitor: Visitor) -> tuple[Challenge, NewTotp, bytes]:
        challenge, user = await self._challenged(token, visitor)
        async with self._attempt(user, visitor) as attempt:
            secret, sealed = self.second_factors.totp.make(user.id)
            attempt.refund()
        return challenge, NewTotp(secret, self.second_factors.totp.uri(secret, user.email)), sealed

    @asynccontextmanager
    async def _attempt(self, user: User, visitor: Visitor) -> AsyncIterator[Attempt]:
        async with self.throttle.login(user.canonical_email, visitor) as attempt:
            try:
                yield attempt
            except InvalidChallengeError as error:
                if error.why != Reason.CHANGED_MEANWHILE:  # which was told already
                    self._emit(user.id, Name.LOGIN_FAILED, Reason.CHALLENGE_OVER)
                raise

    async def _challenged(self, token: str, visitor: Visitor) -> tuple[Challenge, User]:
        if not self.login.requires_factor:
            raise InvalidChallengeError("not required")
        async with self.throttle.looking_up(visitor):
            return await self.login.challenged(token, has_factor=False)

    def _step_of(self, user: User, sealed: bytes | None, code: str) -> int:
        step = self.second_factors.totp.step_of(user.id, sealed, "".join(code.split())) if sealed else None
        if step is None:
            self._emit(user.id, Name.LOGIN_FAILED, Reason.WRONG_CODE)
            raise InvalidCodeError(Reason.WRONG_CODE, user_id=user.id)
        return step

    def _totp(self, user: User, sealed: bytes, step: int) -> ConfirmedTotp:
        return ConfirmedTotp(user_id=user.id, secret_sealed=sealed, confirmed_at=self.ambient.now(), step=step)

    async def _complete(
        self,
        challenge: Challenge,
        user: User,
        totp: ConfirmedTotp,
        visitor: Visitor,
        *,
        codes: Sequence[bytes] = (),
        client_id: str = "",
        first: str = PASSWORD,
    ) -> SignedIn:
        """Every session but the one that is opened by this ends, as with each new factor."""
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        await self.revocation.require_good_key(self.tokens)
        await self.challenges.finish(challenge)
        session_id = self.ambient.new_id()
        ending = self.user_revocation.of(user.id, Reason.FACTOR_ADDED, session_id)
        if not await self.changes.set_up_totp(totp, user, codes, ending):
            self._emit(user.id, Name.LOGIN_FAILED, Reason.CHANGED_MEANWHILE)
            raise InvalidChallengeError(Reason.CHANGED_MEANWHILE, user_id=user.id)
        self._emit(user.id, Name.USER_UPDATED, Reason.FACTOR_ADDED)
        await self.second_factors.notices.tell(user, Notice.FACTOR_ADDED, visitor)
        await self.user_revocation.finish(ending)
        now_with_it = replace(user, second_factor_since=totp.confirmed_at)
        methods = first, ONE_TIME_PASSWORD
        signed_in = await self.login.open_session(
            now_with_it, visitor, methods, InvalidChallengeError, client_id, session_id=session_id
        )
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=session_id))
        return signed_in

    def _emit(self, user_id: UUID, name: Name, reason: Reason) -> None:
        outcome = Outcome.FAILURE if name is Name.LOGIN_FAILED else Outcome.SUCCESS
        self.events.emit(Event(name, outcome, reason, user_id))
