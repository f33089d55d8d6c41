"""Invitations to sign up, made and ended by operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.models import Invitation
from service.domain.accounts.ports import InvitationStore, Users
from service.domain.accounts.registration import InvitationLinks, as_key_id
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Letter, Mail, Wish
from service.errors import EmailTakenError

ID = "invitation"  # among the facts of a mail
LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    store: InvitationStore
    users: Users
    links: InvitationLinks
    mails: Mails
    ambient: Ambient
    events: Events

    async def invite(self, email: str, lifetime: timedelta, *, by_mail: bool) -> Invitation:
        """One sign-up with this address, or with any address if it is empty.

        By mail, its recipient alone gets to know the link, and has proved the address by using it.
        Raises InvalidEmailError, EmailTakenError or NotConfiguredError.
        """
        canonical_email = emails.canonical(email) if email or by_mail else ""
        if by_mail:
            self.mails.require_configured()
        if canonical_email and await self.users.by_email(canonical_email):
            raise EmailTakenError
        now = self.ambient.now()
        invitation = Invitation(
            id=self.ambient.new_uuid(),
            email=email.strip(),
            canonical_email=canonical_email,
            is_mailed=by_mail,
            created_at=now,
            expires_at=now + lifetime,
        )
        await self.store.add(invitation)
        self._emit(Name.TOKEN_CREATED, Reason.INVITATION_CREATED, invitation.id)
        if by_mail:
            await self._mail(invitation)
        return invitation

    async def send_again(self, invitation_id: UUID) -> Invitation | None:
        """The same link in another mail. None where no invitation by mail is good; raises NotConfiguredError."""
        self.mails.require_configured()
        invitation = await self.store.find(invitation_id, self.ambient.now())
        if invitation is None or not invitation.is_mailed:
            return None
        self._emit(Name.TOKEN_CREATED, Reason.INVITATION_SENT, invitation.id)
        await self._mail(invitation)
        return invitation

    async def latest(self, limit: int) -> Sequence[Invitation]:
        """Those that are good, the newest first."""
        return await self.store.latest(self.ambient.now(), limit)

    async def end(self, invitation_id: UUID) -> bool:
        """Whether there was such an invitation."""
        is_ended = await self.store.remove(invitation_id)
        if is_ended:
            self._emit(Name.TOKEN_REVOKED, Reason.INVITATION_ENDED, invitation_id)
        return is_ended

    async def write(self, mail: Mail) -> Letter | None:
        """None when it was ended, or was used, or has expired."""
        now = self.ambient.now()
        invitation = await self.store.find(UUID(mail.facts[ID]), now)
        if invitation is None:
            return None
        return Letter(
            recipient=invitation.email,
            template=mail.kind.value,
            language=mail.language,
            values={"link": self.links.link(invitation.id), "until": _day(invitation.expires_at)},
            good_until=invitation.expires_at,
        )

    async def _mail(self, invitation: Invitation) -> None:
        facts = {ID: str(invitation.id)}
        await self.mails.wish(Wish(kind=Kind.INVITATION, recipient=invitation.email, facts=facts))

    def _emit(self, name: Name, reason: Reason, invitation_id: UUID) -> None:
        self.events.emit(Event(name, reason=reason, key_id=as_key_id(invitation_id)))

    async def delete_expired(self) -> None:
        await self.store.delete_expired(self.ambient.now())


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
