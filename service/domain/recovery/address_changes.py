"""Changing the e-mail address: the new one is proved first, and the one before can take the change back."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.confirmation import Confirmation
from service.domain.accounts.models import EmailChange
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Wish
from service.domain.mail.notices import Notice, Notices
from service.domain.models import Caller, User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.recovery.aftermath import Aftermath
from service.domain.recovery.mail_secrets import named_in
from service.domain.recovery.models import (
    UNDO_FOR,
    ConfirmedChange,
    MailEvidence,
    MailProof,
    NewApiKey,
    UndoneChange,
)
from service.domain.recovery.ports import EmailChanges
from service.domain.recovery.proofs import Proofs
from service.domain.second_factors.models import Proof
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation

KEEP = UNDO_FOR + timedelta(days=1)  # after it was asked for, a change is of no use to anybody
RANDOM_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanges:
    changes: EmailChanges
    confirmation: Confirmation
    accounts: Accounts
    proofs: Proofs
    mails: Mails
    limits: MailLimits
    notices: Notices
    passwords: Passwords
    api_keys: ApiKeys
    revocation: SessionRevocation
    user_revocation: UserRevocation
    aftermath: Aftermath
    ambient: Ambient
    events: Events

    async def ask(self, caller: Caller, new_email: str, password: str, proof: Proof, visitor: Visitor) -> None:
        """A mail to the new address. It is not sent where the address has an account, and the answer is the same.

        Raises NotConfiguredError, RateLimitedError and the errors of `Confirmation.require`.
        """
        self.mails.require_configured()
        await self.limits.mail(visitor, caller)
        user = await self.confirmation.require(caller, password, proof, visitor)
        canonical_email = emails.canonical(new_email)
        change = EmailChange(self.ambient.new_uuid(), user.id, new_email, canonical_email, self.ambient.now())
        await self.changes.request(change, session_id=caller.session_id)
        facts = {"change": str(change.id)}
        wish = Wish(kind=Kind.EMAIL_CHANGE, recipient=new_email, user_id=user.id, language=user.language, facts=facts)
        await self.mails.wish(wish)
        self._emit(user.id, Reason.EMAIL_CHANGE_REQUESTED, caller.session_id)

    async def confirm_code(self, caller: Caller, code: str, visitor: Visitor) -> str:
        """The new address, from now on the account's. The caller's session is kept.

        Raises NotConfiguredError, InvalidTokenError, InvalidCodeError, RateLimitedError or UnavailableError.
        """
        self.mails.require_configured()
        user = await self.accounts.profile(caller.member)
        proof = await self.proofs.of_user(Kind.EMAIL_CHANGE, user, code, visitor)
        return await self._confirm(proof, caller, visitor)

    async def confirm_link(self, token: str, caller: Caller | None, visitor: Visitor) -> str:
        """As `confirm_code`, for anybody who has the link; a session is kept if it is of the same account.

        Without such a session the address is not proved by that: its reader may not be in the account.
        """
        self.mails.require_configured()
        proof = await self.proofs.of(Kind.EMAIL_CHANGE, MailEvidence(token=token), visitor)
        return await self._confirm(proof, caller, visitor)

    async def undo(self, token: str, visitor: Visitor) -> bool:
        """The address before is the account's again, and a mail to it is good for a new password.

        Whoever made the change knew the password: that, every session, and all that was added to the account since
        are gone. False: the sessions end within seconds. Raises NotConfiguredError, InvalidCodeError, EmailTakenError,
        OverloadedError, RateLimitedError or UnavailableError.
        """
        self.mails.require_configured()
        with self.passwords.reserve(visitor) as place:
            user, change_id = await self._undoable(token, visitor)
            random = self.ambient.random_bytes(RANDOM_PASSWORD_BYTES).hex()
            password_hash = await self.passwords.hash(random, place)
        await self.revocation.require_complete()
        at = user.time_of_next_password(self.ambient.now())
        ending = self.user_revocation.of(user.id, Reason.EMAIL_CHANGE_UNDONE, password_changed_at=at)
        _, sealed, digest = self.api_keys.make(user.id)
        undone = UndoneChange(
            change_id=change_id,
            at=self.ambient.now(),
            password_hash=password_hash,
            ending=ending,
            api_key=NewApiKey(sealed, digest),
            mail_id=self.ambient.new_uuid(),
        )
        if not await self.changes.undo(undone):
            raise self.proofs.refused(Reason.CODE_OVER, user)
        self.mails.on_wish()
        self._emit(user.id, Reason.EMAIL_CHANGE_UNDONE)
        return await self.aftermath.end_sessions(ending)

    async def delete_expired(self) -> None:
        await self.changes.delete_expired(self.ambient.now() - KEEP)

    async def _confirm(self, proof: MailProof, caller: Caller | None, visitor: Visitor) -> str:
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        user, now = proof.user, self.ambient.now()
        kept = caller.session_id if caller and caller.user_id == user.id else ""
        ending = self.user_revocation.of(user.id, Reason.EMAIL_CHANGED, kept)
        change = ConfirmedChange(
            change_id=UUID(proof.code.subject),
            before=user,
            at=now,
            undo_until=now + UNDO_FOR,
            ending=ending,
            mail_id=self.ambient.new_uuid(),
            is_proved=bool(kept),
        )
        email = await self.changes.confirm(change)
        if email is None:
            raise self.proofs.refused(await self._why_not(change), user)
        self.mails.on_wish()
        self._emit(user.id, Reason.EMAIL_CHANGED, kept)
        await self.aftermath.end_sessions(ending)
        await self.aftermath.forget(user.id, Kind.EMAIL_CHANGE)
        await self.notices.tell(replace(user, email=email), Notice.EMAIL_CHANGED, visitor)
        return email

    async def _why_not(self, change: ConfirmedChange) -> Reason:
        """Which of the reasons the store had. It is told to nobody but who has shown the right code."""
        before = change.before
        waiting, now = await self.changes.waiting(before.id), await self.proofs.users.by_id(before.id)
        is_as_before = now is not None and now.is_still(before) and now.canonical_email == before.canonical_email
        is_taken = is_as_before and waiting is not None and waiting.id == change.change_id
        return Reason.EMAIL_TAKEN if is_taken else Reason.CODE_OVER

    async def _undoable(self, token: str, visitor: Visitor) -> tuple[User, UUID]:
        async with self.limits.code(visitor):
            named = named_in(token)
            if named is not None and named.kind is Kind.EMAIL_UNDO:
                for change in await self.changes.undoable(named.user_id, self.ambient.now()):
                    if self.proofs.secrets.is_token(token, named.kind, named.user_id, change.id):
                        user = await self.proofs.users.by_id(named.user_id)
                        if user is not None:
                            return user, change.id
            raise self.proofs.refused(Reason.WRONG_LINK)

    def _emit(self, user_id: UUID, reason: Reason, session_id: str = "") -> None:
        self.events.emit(Event(Name.USER_UPDATED, reason=reason, user_id=user_id, session_id=session_id))
