"""Forgotten passwords: a mail, and a new password with what is in it."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import COUNTED, Kind, Wish
from service.domain.mail.notices import Notice, Notices
from service.domain.models import User, Visitor
from service.domain.passwords.passwords import Passwords
from service.domain.recovery.aftermath import Aftermath
from service.domain.recovery.code_mails import CodeMails
from service.domain.recovery.models import MailEvidence, MailProof, NewApiKey, PasswordReset
from service.domain.recovery.ports import ProvedUsers
from service.domain.recovery.proofs import Proofs
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.domain.srp.verifiers import Making, Verifiers
from service.errors import RateLimitedError


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecovery:
    users: ProvedUsers
    proofs: Proofs
    code_mails: CodeMails
    mails: Mails
    limits: MailLimits
    notices: Notices
    passwords: Passwords
    verifiers: Verifiers
    api_keys: ApiKeys
    revocation: SessionRevocation
    aftermath: Aftermath
    user_revocation: UserRevocation
    ambient: Ambient
    events: Events

    async def ask(self, email: str, language: str, visitor: Visitor) -> None:
        """Files a wish, whether the address has an account or not: who writes the mail looks it up.

        Nobody learns that the address has got as many mails as it may. Raises NotConfiguredError, RateLimitedError or a
        store's outage.
        """
        self.mails.require_configured()
        await self.limits.mail(visitor)
        canonical_email = emails.for_look_up(email)
        try:
            counted = await self.limits.mail_to(canonical_email, visitor)
        except RateLimitedError:
            return
        recipient = canonical_email.replace("\0", "")  # Postgres rejects a text with NUL
        facts = {COUNTED: "yes"} if counted else {}
        await self.mails.wish(Wish(kind=Kind.RESET, recipient=recipient, language=language, facts=facts))

    async def ask_code(self, canonical_email: str, language: str, visitor: Visitor) -> bool:
        """As `ask`, for a client that may show the code at once; whether the address has an account.

        Raises RateLimitedError, which known and unknown addresses meet alike, when one has got as many mails as it may.
        """
        self.mails.require_configured()
        await self.limits.mail(visitor)
        user = await self.users.by_email(canonical_email)
        await self.code_mails.reset(canonical_email, user, language, visitor)
        return user is not None

    async def reset(
        self,
        shown: MailEvidence,
        new_password: str,
        visitor: Visitor,
        *,
        kind: Kind = Kind.RESET,
        replace_api_key: bool = False,
    ) -> bool:
        """Set a new password, with a code or link of this kind of mail. Ends every session; False: that is being done.

        Raises NotConfiguredError, InvalidCodeError, InvalidFieldsError, OverloadedError, RateLimitedError or
        UnavailableError.
        """
        self.mails.require_configured()
        account = None if shown.token else emails.for_look_up(shown.email)
        with self.passwords.reserve(visitor, account) as place:
            proof = await self.proofs.of(kind, shown, visitor)
            self.passwords.refuse_common("newPassword", new_password, proof.user.canonical_email)
            making = self.verifiers.make(proof.user.id, new_password)
            password_hash = await self.passwords.hash(new_password, place, making)
        await self.revocation.require_complete()  # otherwise an outage could be reported after the change
        return await self._make(proof, kind, password_hash, making, visitor, replace_api_key=replace_api_key)

    async def _make(
        self,
        proof: MailProof,
        kind: Kind,
        password_hash: str,
        making: Making | None,
        visitor: Visitor,
        *,
        replace_api_key: bool,
    ) -> bool:
        user, now = proof.user, self.ambient.now()
        # Later than the mail too, so that it is not good once more if it is written again.
        at = user.time_of_next_password(now, proof.code.created_at)
        ending = self.user_revocation.of(user.id, Reason.PASSWORD_RESET, password_changed_at=at)
        _, sealed, digest = self.api_keys.make(user.id)
        reset = PasswordReset(
            before=user,
            password_hash=password_hash,
            at=now,
            ending=ending,
            api_key=NewApiKey(sealed, digest),
            replace_api_key=replace_api_key,
            is_first_proof=kind is Kind.VERIFY,
        )
        is_first = await self.users.reset(reset)
        if is_first is None:
            raise self.proofs.refused(Reason.CODE_OVER, user)
        self._tell(user, is_first=is_first, replaced_key=is_first or replace_api_key)
        await self.verifiers.keep(making, at)
        is_over = await self.aftermath.end_sessions(ending)
        await self.aftermath.forget(user.id, kind)
        await self.notices.tell(user, Notice.PASSWORD_RESET, visitor)
        return is_over

    def _tell(self, user: User, *, is_first: bool, replaced_key: bool) -> None:
        self.events.emit(Event(Name.PASSWORD_CHANGED, reason=Reason.RESET, user_id=user.id))
        if is_first:
            self.events.emit(Event(Name.USER_UPDATED, reason=Reason.SQUATTER_EVICTED, user_id=user.id))
            self.events.emit(Event(Name.USER_UPDATED, reason=Reason.EMAIL_VERIFIED, user_id=user.id))
        if replaced_key:
            self.events.emit(Event(Name.TOKEN_CREATED, reason=Reason.API_KEY_ROTATED, user_id=user.id))
