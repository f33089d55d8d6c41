"""Accounts: profile, change of password, API key rotation, closing and disabling."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.ports import Users
from service.domain.accounts.registration import as_key_id
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKey, ApiKeys
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.mail.notices import Notice, Notices
from service.domain.models import Caller, Member, User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.second_factors.models import Proof
from service.domain.sessions.address_proof import AddressProof
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.domain.signing.keyring import KeyRing
from service.domain.srp.verifiers import Verifiers
from service.errors import EmailTakenError, IdTakenError, InvalidTokenError, WrongPasswordError
from service.settings import ApiKeySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    users: Users
    confirmation: Confirmation
    revocation: SessionRevocation
    user_revocation: UserRevocation
    passwords: Passwords
    verifiers: Verifiers
    throttle: Throttle
    api_keys: ApiKeys
    keys: KeyRing
    settings: ApiKeySettings
    ambient: Ambient
    events: Events
    address_proof: AddressProof
    notices: Notices

    async def add(
        self,
        user: User,
        digest: bytes,
        attributes: Mapping[str, str],
        why: Reason = Reason.NONE,
        invitation_id: UUID | None = None,
    ) -> None:
        """Raises EmailTakenError, IdTakenError or InvalidInvitationError."""
        try:
            await self.users.add(user, digest, attributes, invitation_id)
        except EmailTakenError:
            account = self.events.account(user.canonical_email)
            self.events.emit(Event(Name.USER_CREATED, Outcome.FAILURE, Reason.EMAIL_TAKEN, account=account))
            raise
        except IdTakenError:
            self.events.emit(Event(Name.USER_CREATED, Outcome.FAILURE, Reason.ID_TAKEN, user.id))
            raise
        self.events.emit(Event(Name.USER_CREATED, reason=why, user_id=user.id, key_id=as_key_id(invitation_id)))

    async def by_api_key(self, text: str, visitor: Visitor) -> Member:
        """Raises InvalidTokenError, or RateLimitedError for a source that sends too many unknown keys."""
        key = ApiKey.parse(text)
        user = await self.users.by_api_key(self.api_keys.digests(key), self.ambient.now()) if key else None
        if user is None and key is not None:
            await self.keys.require_known_secret()  # with another secret the key may be valid
        if user is None or user.disabled_at or not self.address_proof.admits(user):
            known = Reason.DISABLED if user and user.disabled_at else Reason.EMAIL_NOT_VERIFIED
            why, user_id = (known, user.id) if user else (Reason.UNKNOWN_API_KEY, None)
            self.events.emit(Event(Name.REFUSED, Outcome.FAILURE, why, user_id))
            await self.throttle.unknown_api_key(visitor)
            raise InvalidTokenError(why, user_id=user_id)
        return Member(user.id, user.email, user)

    async def profile(self, member: Member) -> User:
        """Raises InvalidTokenError when the account is gone or disabled."""
        return await self.confirmation.account_of(member)

    async def change_names(self, caller: Caller, first_name: str | None, last_name: str | None) -> User:
        """Tokens carry the new names from the next refresh. Raises InvalidTokenError as `profile` does."""
        user = await self.users.set_names(caller.user_id, first_name, last_name)
        if user is None:
            return await self.profile(caller.member)
        self._emit(Name.USER_UPDATED, user.id, Reason.NAMES_CHANGED, caller.session_id)
        return user

    async def change_password(self, caller: Caller, current: str, new: str, proof: Proof, visitor: Visitor) -> None:
        """Revokes every other session of the user. Raises as `Confirmation.require` does.

        A call answered with an outage after the change may be retried: for some minutes the new password confirms it.
        """
        user, is_retry = await self.confirmation.require_for_new_password(caller, current, new, proof, visitor)
        if is_retry:
            changed = user.password_changed_at
            await self._keep_verifier(user, new, visitor)
            await self.user_revocation.end(user.id, Reason.PASSWORD_CHANGED, caller.session_id, changed)
            return
        self.passwords.refuse_common("newPassword", new, user.canonical_email)
        making = self.verifiers.make(user.id, new)
        with self.passwords.reserve(visitor, user.canonical_email) as place:
            password_hash = await self.passwords.hash(new, place, making)
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        at = user.time_of_next_password(self.ambient.now())
        ending = self.user_revocation.of(user.id, Reason.PASSWORD_CHANGED, caller.session_id, at)
        if not await self.users.set_password(user, password_hash, ending):
            raise WrongPasswordError  # changed meanwhile: the confirmed password is out of date
        self._emit(Name.PASSWORD_CHANGED, user.id, session_id=caller.session_id)
        await self.verifiers.keep(making, at)
        await self.notices.tell(user, Notice.PASSWORD_CHANGED, visitor)
        await self.user_revocation.finish(ending)

    async def _keep_verifier(self, user: User, password: str, visitor: Visitor) -> None:
        """That of a password which was changed before. Its hash is there already."""
        if making := self.verifiers.make(user.id, password):
            with self.passwords.reserve(visitor, user.canonical_email) as place:
                await place.compute(making)
            await self.verifiers.keep(making, user.password_changed_at)

    async def close(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> None:
        """Delete the account, its sessions and its API key. Raises as `Confirmation.require` does."""
        await self._close(await self.confirmation.require(caller, password, proof, visitor), caller, visitor)

    async def close_by_session(self, caller: Caller, visitor: Visitor) -> None:
        """As `close`, for a protocol that asks for nothing else.

        Raises InvalidTokenError when the account is gone or disabled, or UnavailableError.
        """
        await self._close(await self.profile(caller.member), caller, visitor)

    async def _close(self, user: User, caller: Caller, visitor: Visitor) -> None:
        await self.revocation.require_complete()
        ending = self.user_revocation.of(user.id, Reason.ACCOUNT_CLOSED)
        await self.users.remove(ending)
        self._emit(Name.USER_DELETED, user.id, session_id=caller.session_id)
        await self.notices.tell(user, Notice.ACCOUNT_CLOSED, visitor)
        await self.user_revocation.finish(ending, caller.session_id)

    async def api_key_of(self, caller: Caller, password: str, proof: Proof, visitor: Visitor) -> str:
        """The account's API key, as a login shows it. Raises as `Confirmation.require` does."""
        user = await self.confirmation.require(caller, password, proof, visitor)
        return self.api_keys.open(user.id, user.api_key_sealed)

    async def rotate_api_key(self, caller: Caller, proof: Proof, visitor: Visitor) -> str:
        """A new API key. The old one expires at once, or after `api_keys.overlap`.

        Raises as `Confirmation.require_factor` does.
        """
        user = await self.confirmation.require_factor(caller, proof, visitor)
        await self.throttle.api_key_rotation(visitor, user.id)
        key, sealed, digest = self.api_keys.make(user.id)
        overlap = self.settings.overlap
        until = self.ambient.now() + overlap if overlap else None
        await self.users.set_api_key(user.id, sealed, digest, until, session_id=caller.session_id)
        self._emit(Name.TOKEN_CREATED, user.id, Reason.API_KEY_ROTATED, caller.session_id)
        await self.notices.tell(user, Notice.API_KEY_REPLACED, visitor)
        return key.text

    async def disable(self, email: str) -> bool:
        """Disable an account and revoke its sessions; False when there is no such account."""
        user = await self.users.by_email(emails.for_look_up(email))
        if user:
            await self.disable_user(user)
        return user is not None

    async def disable_user(self, user: User) -> None:
        ending = self.user_revocation.of(user.id, Reason.ACCOUNT_DISABLED)
        await self.users.disable(self.ambient.now(), ending)
        self._emit(Name.USER_UPDATED, user.id, Reason.DISABLED)
        await self.notices.tell(user, Notice.BY_OPERATOR)
        await self.user_revocation.finish(ending)

    async def end_sessions(self, email: str) -> int | None:
        """Revoke all sessions of an account for an operator; how many, None when there is no such account."""
        user = await self.users.by_email(emails.for_look_up(email))
        return await self.end_sessions_of(user) if user else None

    async def end_sessions_of(self, user: User) -> int:
        count = await self.user_revocation.end(user.id, Reason.BY_OPERATOR)
        await self.notices.tell(user, Notice.BY_OPERATOR)
        return count

    async def enable(self, email: str) -> bool:
        user = await self.users.by_email(emails.for_look_up(email))
        if user:
            await self.enable_user(user)
        return user is not None

    async def enable_user(self, user: User) -> None:
        await self.users.enable(user.id)
        self._emit(Name.USER_UPDATED, user.id, Reason.ENABLED)
        await self.notices.tell(user, Notice.BY_OPERATOR)

    async def remove(self, user: User) -> None:
        """Delete the account for an operator. The notice goes where the account's owner is known to be."""
        await self.revocation.require_complete()
        ending = self.user_revocation.of(user.id, Reason.BY_OPERATOR)
        await self.users.remove(ending)
        self._emit(Name.USER_DELETED, user.id, Reason.BY_OPERATOR)
        await self.notices.tell(user, Notice.ACCOUNT_CLOSED)
        await self.user_revocation.finish(ending)

    def _emit(self, name: Name, user_id: UUID, reason: Reason = Reason.NONE, session_id: str = "") -> None:
        self.events.emit(Event(name, reason=reason, user_id=user_id, session_id=session_id))
