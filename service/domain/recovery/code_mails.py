"""Mails whose code may be shown at once: what is good for it is remembered before the mail is written.

An address without an account is treated as one that has some, so that a wrong code, no code and too many wrong codes
are told apart without telling who has an account.
"""

from dataclasses import dataclass
from datetime import timedelta

from service.ambient import Ambient
from service.domain.accounts.models import EmailChange
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import COUNTED, LIFE, Kind, Wish
from service.domain.models import User, Visitor
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.recovery.models import LIVES, MailedCode
from service.domain.recovery.ports import MailCodes
from service.domain.recovery.proofs import state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMails:
    """`life` shortens that of the codes. A mail is counted by its address, before it is asked for."""

    mails: Mails
    codes: MailCodes
    secrets: MailSecrets
    limits: MailLimits
    ambient: Ambient
    life: timedelta

    async def reset(self, canonical_email: str, user: User | None, language: str, visitor: Visitor) -> None:
        """Raises RateLimitedError or a store's outage."""
        counted = await self.limits.mail_to(canonical_email, visitor)
        recipient = canonical_email.replace("\0", "")  # Postgres rejects a text with NUL
        wish = Wish(
            kind=Kind.RESET, recipient=recipient, language=language, facts=self._facts(Kind.RESET, counted=counted)
        )
        await self._file(wish, canonical_email, user)

    async def verify(self, canonical_email: str, user: User | None, language: str, visitor: Visitor) -> None:
        """As `reset`."""
        counted = await self.limits.mail_to(canonical_email, visitor)
        await self._verify(canonical_email, user, language, counted=counted)

    async def verify_new(self, user: User) -> None:
        """The first mail to a new account: sign-ups have limits of their own. Raises a store's outage."""
        await self._verify(user.canonical_email, user, user.language, counted=False)

    async def change(self, change: EmailChange, user: User, *, counted: bool) -> None:
        """To the new address. `counted`: by whoever stored the change, before that. Raises a store's outage."""
        wish = Wish(
            kind=Kind.EMAIL_CHANGE,
            recipient=change.email,
            user_id=user.id,
            language=user.language,
            facts={"change": str(change.id)} | self._facts(Kind.EMAIL_CHANGE, counted=counted),
        )
        await self._file(wish, user.canonical_email, user, str(change.id))

    async def _verify(self, canonical_email: str, user: User | None, language: str, *, counted: bool) -> None:
        wish = Wish(
            kind=Kind.VERIFY,
            recipient=user.email if user else canonical_email.replace("\0", ""),
            user_id=user.id if user else None,
            language=user.language if user else language,
            facts=self._facts(Kind.VERIFY, counted=counted),
        )
        await self._file(wish, canonical_email, user)

    async def _file(self, wish: Wish, canonical_email: str, user: User | None, subject: str = "") -> None:
        """The same two steps for everybody. Between them the mail is on its way, and its writer takes the second."""
        filed = await self.mails.wish(wish)
        if filed is None:
            return
        holder = user.id if user else self.secrets.nobody_called(canonical_email)
        life = self._life(wish.kind)
        code = MailedCode(filed.id, filed.created_at, self.secrets.state(*state_of(wish.kind, user)), subject, life)
        left = filed.created_at + life - self.ambient.now()
        await self.codes.put(holder, wish.kind, code, left)

    def _facts(self, kind: Kind, *, counted: bool) -> dict[str, str]:
        facts = {LIFE: str(int(self._life(kind).total_seconds()))}
        return facts | {COUNTED: "yes"} if counted else facts

    def _life(self, kind: Kind) -> timedelta:
        return min(LIVES[kind], self.life)
