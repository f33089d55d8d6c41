"""Writes the mails with codes for signing in."""

from dataclasses import dataclass
from datetime import timedelta

from service.ambient import Ambient
from service.domain.mail.models import Letter, Mail
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.ports import ProvedUsers


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLetters:
    """No store has the code, nor that there is one: it is derived from the mail's id, which the client holds sealed."""

    users: ProvedUsers
    secrets: MailSecrets
    life: timedelta
    ambient: Ambient

    async def write(self, mail: Mail) -> Letter | None:
        """To a proved address of an enabled account alone, as the account has it. None for all others."""
        user = await self.users.by_email(mail.recipient)
        until = mail.created_at + self.life
        if user is None or user.disabled_at or user.email_verified_at is None or self.ambient.now() >= until:
            return None
        if user.password_changed_at > mail.created_at:
            return None
        minutes = max(1, self.life // timedelta(minutes=1))
        return Letter(
            recipient=user.email,
            template=mail.kind.value,
            language=user.language or mail.language,
            values={"code": self.secrets.code(mail.kind, user.id, mail.id), "minutes": str(minutes)},
            good_until=until,
        )
