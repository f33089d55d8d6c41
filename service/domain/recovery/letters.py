"""Writes the mails that prove an address: whether there is anything to send is decided here, out of anybody's sight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.mail.models import LIFE, Kind, Letter, Mail
from service.domain.mail.ports import Writer
from service.domain.models import User
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.models import LIVES, UNDO_FOR, MailedCode
from service.domain.recovery.ports import EmailChanges, MailCodes, ProvedUsers
from service.domain.recovery.proofs import state_of

PATHS = {  # of the pages that links lead to, below the base URL; to look at them uses nothing up
    Kind.VERIFY: "/verify",
    Kind.RESET: "/reset",
    Kind.EMAIL_CHANGE: "/email/confirm",
    Kind.EMAIL_UNDO: "/email/undo",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLetters:
    """Nothing in these letters was chosen by a user: their recipients may be strangers to whoever asked for them."""

    base_url: str
    users: ProvedUsers
    changes: EmailChanges
    codes: MailCodes
    secrets: MailSecrets
    ambient: Ambient
    others: Mapping[Kind, Writer] = field(default_factory=dict)

    @property
    def writers(self) -> Mapping[Kind, Writer]:
        return {
            Kind.VERIFY: self.verify,
            Kind.RESET: self.reset,
            Kind.EMAIL_CHANGE: self.email_change,
            Kind.EMAIL_UNDO: self.email_undo,
            **self.others,
        }

    async def reset(self, mail: Mail) -> Letter | None:
        """To the address as the account has it, never as it was typed. None for an address without an account."""
        user = await self.users.by_email(mail.recipient)
        if user is None or user.disabled_at:
            await self._remember(mail, user)  # then wrong codes tell nobody that no mail was sent
            return None
        if user.password_changed_at > mail.created_at:
            return None
        return await self._with_code(mail, user, user.email)

    async def verify(self, mail: Mail) -> Letter | None:
        user = await self._user_of(mail)
        if user is None or user.email_verified_at or emails.for_look_up(mail.recipient) != user.canonical_email:
            return None
        return await self._with_code(mail, user, user.email)

    async def email_change(self, mail: Mail) -> Letter | None:
        """None also when the new address has an account: nobody is told."""
        user = await self._user_of(mail)
        change = await self.changes.waiting(user.id) if user else None
        if user is None or change is None or str(change.id) != mail.facts.get("change"):
            return None
        holder = await self.users.by_email(change.canonical_email)
        if holder is not None and holder.id != user.id:
            return None
        return await self._with_code(mail, user, change.email, str(change.id))

    async def email_undo(self, mail: Mail) -> Letter | None:
        """Its link alone, which needs no record: it is derived from the change that it undoes."""
        now = self.ambient.now()
        if mail.user_id is None:
            return None
        for change in await self.changes.undoable(mail.user_id, now):
            if str(change.id) == mail.facts.get("change") and change.changed_at:
                return Letter(
                    recipient=change.email,
                    template=mail.kind.value,
                    language=mail.language,
                    values={"link": self._link(mail.kind, mail.user_id, change.id), **_life(UNDO_FOR)},
                    good_until=change.undo_until,
                )
        return None

    async def _user_of(self, mail: Mail) -> User | None:
        user = await self.users.by_id(mail.user_id) if mail.user_id else None
        return user if user and user.disabled_at is None else None

    async def _with_code(self, mail: Mail, user: User, recipient: str, subject: str = "") -> Letter | None:
        """None when the code would be over, or a newer mail's is good."""
        if not await self._remember(mail, user, subject):
            return None
        life = life_of(mail)
        return Letter(
            recipient=recipient,
            template=mail.kind.value,
            language=user.language or mail.language,
            values={
                "code": self.secrets.code(mail.kind, user.id, mail.id),
                "link": self._link(mail.kind, user.id, mail.id),
                **_life(life),
            },
            good_until=mail.created_at + life,
        )

    async def _remember(self, mail: Mail, user: User | None, subject: str = "") -> bool:
        """Whether the mail's code is good. The code of a mail to nobody is one that nobody can know."""
        life = life_of(mail)
        left = mail.created_at + life - self.ambient.now()
        holder = user.id if user else self.secrets.nobody(mail.recipient)
        code = MailedCode(mail.id, mail.created_at, self.secrets.state(*state_of(mail.kind, user)), subject, life)
        return left > timedelta(0) and await self.codes.put(holder, mail.kind, code, left)

    def _link(self, kind: Kind, user_id: UUID, mail_id: UUID) -> str:
        return f"{self.base_url}{PATHS[kind]}?token={self.secrets.token(kind, user_id, mail_id)}"


def life_of(mail: Mail) -> timedelta:
    """Of its code and link."""
    life = LIVES[mail.kind]
    return min(life, timedelta(seconds=int(mail.facts[LIFE]))) if LIFE in mail.facts else life


def _life(life: timedelta) -> dict[str, str]:
    """In the units that a template may want."""
    minutes = life // timedelta(minutes=1)
    return {"minutes": str(minutes), "hours": str(minutes // 60), "days": str(minutes // (24 * 60))}
