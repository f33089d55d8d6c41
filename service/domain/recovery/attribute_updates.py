"""Changes of what is known of a user by a client that has a session: names, attributes, and the address."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.domain.accounts.accounts import Accounts
from service.domain.accounts.attributes import GivenAttributes
from service.domain.accounts.models import EmailChange, ProfileChange
from service.domain.accounts.ports import ProfileStore
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.models import Caller, User, Visitor
from service.domain.recovery.address_changes import AddressChanges
from service.domain.recovery.code_mails import CodeMails
from service.domain.recovery.models import MailEvidence
from service.domain.recovery.ports import EmailChanges, ProvedUsers
from service.domain.recovery.verification import Verification
from service.errors import EmailTakenError, InvalidCodeError, InvalidTokenError
from service.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeUpdates:
    """The access token is all that these protocols show: every live session has shown what the account asks for."""

    store: ProfileStore
    users: ProvedUsers
    changes: EmailChanges
    accounts: Accounts
    addresses: AddressChanges
    verification: Verification
    code_mails: CodeMails
    mails: Mails
    limits: MailLimits
    ambient: Ambient
    events: Events

    async def update(self, caller: Caller, given: GivenAttributes, visitor: Visitor) -> str | None:
        """All of it or nothing. The new address, where a mail to it has to be answered before it counts.

        Raises NotConfiguredError, EmailTakenError, InvalidTokenError, RateLimitedError or a store's outage.
        """
        user = await self.accounts.profile(caller.member) if given.email else None
        change = await self._change_of(user, given) if user else None
        counted = False
        if change:
            await self.limits.mail(visitor, caller)
            counted = await self.limits.mail_to(change.canonical_email, visitor)
        asked = ProfileChange(
            first_name=given.first_name,
            last_name=given.last_name,
            attributes=given.kept,
            removed=given.removed,
            email_change=change,
        )
        if not await self.store.change(caller.user_id, asked, session_id=caller.session_id):
            raise InvalidTokenError(Fault.ACCOUNT_GONE, user_id=caller.user_id)
        self._tell(caller, given, change)
        if user is None or change is None:
            return None
        await self.code_mails.change(change, user, counted=counted)
        return change.canonical_email

    async def send_code(self, caller: Caller, visitor: Visitor) -> str | None:
        """A mail to the address that waits for its proof, and that address; None where none does.

        Raises NotConfiguredError, InvalidTokenError, RateLimitedError or a store's outage.
        """
        user = await self.accounts.profile(caller.member)
        self.mails.require_configured()
        change = await self.changes.waiting(user.id)
        if change is None and user.email_verified_at:
            return None
        await self.limits.mail(visitor, caller)
        if change is None:
            await self.code_mails.verify(user.canonical_email, user, user.language, visitor)
            return user.canonical_email
        counted = await self.limits.mail_to(change.canonical_email, visitor)
        await self.code_mails.change(change, user, counted=counted)
        return change.canonical_email

    async def verify(self, caller: Caller, code: str, visitor: Visitor) -> None:
        """The new address that waits is the account's, or the present one is proved. The caller's session is kept.

        Raises NotConfiguredError, InvalidTokenError, InvalidCodeError, RateLimitedError or a store's outage.
        """
        user = await self.accounts.profile(caller.member)
        if await self.changes.waiting(user.id) is None:
            await self._prove_present(user, caller, code, visitor)
            return
        try:
            await self.addresses.confirm_code(caller, code, visitor)
        except InvalidCodeError as wrong:
            if user.email_verified_at or wrong.why == Reason.EMAIL_TAKEN:
                raise
            try:
                await self._prove_present(user, caller, code, visitor)
            except InvalidCodeError:
                raise wrong from None

    async def _prove_present(self, user: User, caller: Caller, code: str, visitor: Visitor) -> None:
        await self.verification.with_session(MailEvidence(email=user.email, code=code), caller, visitor)

    async def _change_of(self, user: User, given: GivenAttributes) -> EmailChange | None:
        """None where the account has that address already."""
        if given.email is None or given.canonical_email == user.canonical_email:
            return None
        self.mails.require_configured()
        if await self.users.by_email(given.canonical_email):
            raise EmailTakenError
        now = self.ambient.now()
        return EmailChange(self.ambient.new_uuid(), user.id, given.email, given.canonical_email, now)

    def _tell(self, caller: Caller, given: GivenAttributes, change: EmailChange | None) -> None:
        made = {
            Reason.NAMES_CHANGED: given.first_name is not None or given.last_name is not None,
            Reason.ATTRIBUTES_CHANGED: bool(given.kept or given.removed),
            Reason.EMAIL_CHANGE_REQUESTED: change is not None,
        }
        for reason in [one for one, is_made in made.items() if is_made]:
            event = Event(Name.USER_UPDATED, reason=reason, user_id=caller.user_id, session_id=caller.session_id)
            self.events.emit(event)
