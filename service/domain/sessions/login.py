"""The login policy."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.attempt import Attempt
from service.domain.limits.throttle import Throttle
from service.domain.models import User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.second_factors.challenges import LIFETIME, Challenge, Challenges
from service.domain.second_factors.models import NO_PROOF, Proof
from service.domain.second_factors.passkeys import Passkeys
from service.domain.second_factors.second_factors import PASSWORD, SecondFactors
from service.domain.sessions.address_proof import AddressProof
from service.domain.sessions.models import SignedIn, Typed, opened
from service.domain.sessions.ports import PasswordMigration, RefreshSessions, UserLookup
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.session_kinds import SessionKind
from service.domain.sessions.sign_in_sessions import Claim, nothing_to_claim
from service.domain.signing.tokens import Tokens
from service.domain.srp.verifiers import Verifiers
from service.errors import (
    FactorSetupRequiredError,
    InvalidChallengeError,
    InvalidCodeError,
    InvalidCredentialsError,
    NotConfiguredError,
    SecondFactorRequiredError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    users: UserLookup
    refresh_sessions: RefreshSessions
    revocation: SessionRevocation
    passwords: Passwords
    second_factors: SecondFactors
    challenges: Challenges
    passkeys: Passkeys | None
    throttle: Throttle
    tokens: Tokens
    api_keys: ApiKeys
    address_proof: AddressProof
    verifiers: Verifiers
    opens: SessionKind
    ambient: Ambient
    events: Events
    requires_factor: bool = False  # of every account
    migration: PasswordMigration | None = None

    async def with_password(
        self,
        email: str,
        password: str,
        visitor: Visitor,
        proof: Proof = NO_PROOF,
        client_id: str = "",
        *,
        claim: Claim = nothing_to_claim,
    ) -> SignedIn:
        """The whole login policy, top to bottom; known and unknown addresses take the same path.

        `claim` decides, once the password is right, which of several calls goes on.

        Raises OverloadedError, RateLimitedError, UnavailableError, InvalidCredentialsError or InvalidCodeError. Neither
        failures nor successes: EmailNotVerifiedError, and what `prove` raises.
        """
        canonical_email = emails.for_look_up(email)
        with self.passwords.reserve(visitor, canonical_email) as place:
            async with self.throttle.login(canonical_email, visitor) as attempt:
                key_is_good = self.revocation.require_good_key(self.tokens)
                user, lacks_verifier, _ = await asyncio.gather(
                    self.users.by_email(canonical_email), self.verifiers.lacks(canonical_email), key_is_good
                )
                making = self.verifiers.make(user.id, password) if user and lacks_verifier else None
                match = await self.passwords.match(password, user.password_hash if user else None, place, making)
                same, why = match.same, ""
                if self.migration:  # who has no password here may have one in the system before
                    typed = Typed(email, canonical_email, password, visitor)
                    user, same, why = await self.migration.judge(typed, user, attempt, same=same)
                if user is None or not same or user.disabled_at:
                    raise self.failed(canonical_email, user, same=same, why=why)
                if match.upgraded:
                    await self.users.upgrade_password(user.id, user.password_hash, match.upgraded)
                await self.verifiers.keep(making, user.password_changed_at)
                signed_in = await self.complete(user, proof, visitor, attempt, client_id=client_id, claim=claim)
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=signed_in.session_id))
        return signed_in

    async def complete(
        self,
        user: User,
        proof: Proof,
        visitor: Visitor,
        attempt: Attempt,
        *,
        client_id: str,
        claim: Claim = nothing_to_claim,
    ) -> SignedIn:
        """What follows a right password, however it was shown: all but the event.

        Raises EmailNotVerifiedError, SecondFactorRequiredError, InvalidCodeError, InvalidCredentialsError or
        UnavailableError.
        """
        await self.address_proof.require(user, visitor)  # no failed login: the attempt is refunded
        await claim()
        methods = await self.prove(user, proof, visitor)
        signed_in = await self.open_session(user, visitor, methods, InvalidCredentialsError, client_id)
        attempt.succeeded()
        return signed_in

    async def with_challenge(
        self, token: str, proof: Proof, visitor: Visitor, client_id: str = "", *, first: str = PASSWORD
    ) -> SignedIn:
        """The second step of a login, as much an attempt at the account as the first one, in which `first` was shown.

        Raises OverloadedError, RateLimitedError, UnavailableError, InvalidChallengeError or InvalidCodeError.
        """
        async with self.throttle.looking_up(visitor):
            challenge, user = await self.challenged(token, has_factor=True)
        async with self.throttle.login(user.canonical_email, visitor) as attempt:
            try:
                await self.revocation.require_good_key(self.tokens)
                await self.challenges.count_try(challenge)
                methods = await self.second_factors.use(user, proof, visitor, first=first)
                await self.challenges.finish(challenge)
            except InvalidChallengeError:
                self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, Reason.CHALLENGE_OVER, user.id))
                raise
            signed_in = await self.open_session(user, visitor, methods, InvalidChallengeError, client_id)
            attempt.succeeded()
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=signed_in.session_id))
        return signed_in

    async def with_passkey(
        self, credential: Mapping[str, Any], visitor: Visitor, client_id: str = "", *, account: str = ""
    ) -> SignedIn:
        """Both factors at once; the passkey says whose it is, and the answer to a wrong one says nothing.

        `account`: the canonical address of the one that it must be of.

        Raises NotConfiguredError, OverloadedError, RateLimitedError, UnavailableError, InvalidCodeError or
        EmailNotVerifiedError.
        """
        if self.passkeys is None:
            raise NotConfiguredError("passkeys")
        try:
            async with self.throttle.looking_up(visitor):
                shown = await self.passkeys.identify(credential)
            user = shown.user
            if account and user.canonical_email != account:
                raise InvalidCodeError(Reason.OF_ANOTHER, user_id=user.id)  # noqa: TRY301 - as every wrong one
            async with self.throttle.login(user.canonical_email, visitor) as attempt:
                await self.revocation.require_good_key(self.tokens)
                methods = await self.passkeys.prove(shown)
                if user.disabled_at:
                    raise InvalidCodeError(Reason.DISABLED, user_id=user.id)  # noqa: TRY301 - as every wrong one
                await self.address_proof.require(user, visitor)
                signed_in = await self.open_session(user, visitor, methods, InvalidCodeError, client_id)
                attempt.succeeded()
        except InvalidCodeError as wrong:
            if wrong.why != Reason.CHANGED_MEANWHILE:  # which was told already
                why = Reason.DISABLED if wrong.why == Reason.DISABLED else Reason.WRONG_PASSKEY
                self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, wrong.user_id))
            raise
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=signed_in.session_id))
        return signed_in

    async def prove(self, user: User, proof: Proof, visitor: Visitor) -> tuple[str, ...]:
        """How a user with a second factor has proved it; empty for one who needs none. Without a proof it raises
        SecondFactorRequiredError or FactorSetupRequiredError, with a challenge.
        """
        if user.second_factor_since is None:
            if self.requires_factor:
                token = await self.challenges.begin(user)
                self.events.emit(Event(Name.LOGIN_CHALLENGED, reason=Reason.NO_FACTOR_YET, user_id=user.id))
                raise FactorSetupRequiredError((), token, LIFETIME, user_id=user.id)
            return ()
        if not proof.is_empty:
            return await self.second_factors.use(user, proof, visitor)
        names = await self.second_factors.names_of(user)
        token = await self.challenges.begin(user)
        self.events.emit(Event(Name.LOGIN_CHALLENGED, user_id=user.id))
        raise SecondFactorRequiredError(names, token, LIFETIME, user_id=user.id)

    async def challenged(self, token: str, *, has_factor: bool) -> tuple[Challenge, User]:
        """The challenge, and its user as the row is now. Raises InvalidChallengeError."""
        challenge = await self.challenges.find(token)
        user = await self.users.by_id(challenge.user_id)
        if user is None or not challenge.is_for(user, has_factor=has_factor):
            why = Reason.DISABLED if user and user.disabled_at else Reason.CHANGED_MEANWHILE
            self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, challenge.user_id))
            raise InvalidChallengeError(why, user_id=challenge.user_id)
        return challenge, user

    def failed(self, canonical_email: str, user: User | None, *, same: bool, why: str) -> InvalidCredentialsError:
        """Why a login failed, for event sinks and the log only. The cost does not depend on whether the user exists."""
        known = Reason.DISABLED if same else Reason.WRONG_PASSWORD
        why = why or (known if user else Reason.UNKNOWN_EMAIL)
        user_id, account = user.id if user else None, self.events.account(canonical_email)
        self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, why, user_id, account=account))
        return InvalidCredentialsError(why, user_id=user_id)

    async def open_session(
        self,
        user: User,
        visitor: Visitor,
        methods: tuple[str, ...],
        refusal: type[InvalidCredentialsError],
        client_id: str,
        *,
        session_id: str = "",
    ) -> SignedIn:
        """What every login ends with. `refusal`: for an account that has changed meanwhile."""
        now = self.ambient.now()
        session = opened(session_id or self.ambient.new_id(), user, visitor, now, now + self.opens.lifetime)
        session = replace(session, methods=methods, client_id=client_id, kind=self.opens.name)
        refresh_token = self.opens.token.make(session.id, self.ambient)
        over_the_cap = await self.refresh_sessions.open(session, refresh_token.digest)
        # Read again: disabling, deleting, a new password or factor ends the sessions that exist by then, and this one
        # may not have. One of the two always sees the other.
        still = await self.users.by_id(user.id)
        if still is None or not still.is_still(user):
            self.events.emit(Event(Name.LOGIN_FAILED, Outcome.FAILURE, Reason.CHANGED_MEANWHILE, user.id))
            await self.revocation.end(user.id, [session.id], why=Reason.CHANGED_MEANWHILE)
            raise refusal(Reason.CHANGED_MEANWHILE, user_id=user.id)
        await self.revocation.end(user.id, over_the_cap, why=Reason.OVER_THE_CAP)
        return SignedIn(
            user=user,
            session_id=session.id,
            tokens=await self.tokens.issue(user, session),
            refresh_token=refresh_token.text,
            api_key=self.api_keys.open(user.id, user.api_key_sealed),
        )
