"""Checks codes and links out of mails: of which account somebody reads the mails."""

from dataclasses import dataclass
from uuid import UUID

from service.ambient import Ambient
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.models import Kind
from service.domain.models import User, Visitor
from service.domain.recovery.mail_secrets import MailSecrets, named_in
from service.domain.recovery.models import MailedCode, MailEvidence, MailProof, NoCode
from service.domain.recovery.ports import MailCodes, ProvedUsers
from service.errors import InvalidCodeError

WHY = {NoCode.NONE: Reason.NO_CODE, NoCode.NO_TRIES_LEFT: Reason.NO_TRIES_LEFT}


def state_of(kind: Kind, user: User | None) -> tuple[str, ...]:
    """What must still be so when the code is used: a code for a new address or password dies with the old password."""
    if user is None:
        return (kind.value,)
    if kind is Kind.VERIFY:
        return (kind.value, user.canonical_email)
    return (kind.value, user.canonical_email, user.password_changed_at.isoformat())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Whether a code may still be used is decided once more by the statement that uses it."""

    users: ProvedUsers
    codes: MailCodes
    secrets: MailSecrets
    limits: MailLimits
    ambient: Ambient
    events: Events

    async def of(self, kind: Kind, shown: MailEvidence, visitor: Visitor) -> MailProof:
        """Known and unknown addresses take the same path and as many round trips.

        Raises InvalidCodeError, RateLimitedError or a store's outage.
        """
        if shown.token:
            return await self._of_token(kind, shown.token, visitor)
        canonical_email = emails.for_look_up(shown.email)
        async with self.limits.code(visitor, canonical_email):
            user = await self.users.by_email(canonical_email)
            nobody = self.secrets.nobody_called if shown.is_username else self.secrets.nobody
            holder = user.id if user else nobody(canonical_email)
            return await self._of_code(kind, user, holder, canonical_email, shown.code)

    async def of_user(self, kind: Kind, user: User, code: str, visitor: Visitor) -> MailProof:
        """A code of a user who is known by another credential. Raises as `of` does."""
        async with self.limits.code(visitor, user.canonical_email):
            return await self._of_code(kind, user, user.id, user.canonical_email, code)

    def refused(self, why: Reason, user: User | None = None, account: str = "") -> InvalidCodeError:
        """The refusal, after its event. Without an account it is one that anyone can cause at any rate."""
        name, user_id = (Name.LOGIN_FAILED, user.id) if user else (Name.REFUSED, None)
        pseudonym = self.events.account(account) if account else ""
        self.events.emit(Event(name, Outcome.FAILURE, why, user_id, account=pseudonym))
        return InvalidCodeError(why, user_id=user_id)

    async def _of_token(self, kind: Kind, token: str, visitor: Visitor) -> MailProof:
        async with self.limits.code(visitor):
            named = named_in(token)
            if named is None or named.kind is not kind:
                raise self.refused(Reason.WRONG_LINK)
            user, held = await self.users.by_id(named.user_id), await self.codes.get(named.user_id, kind)
            if held is None or not self.secrets.is_token(token, kind, named.user_id, held.mail_id):
                raise self.refused(Reason.WRONG_LINK)  # nothing of it is proved: the user id may be anyone's
            return self._still_good(kind, user, held)

    async def _of_code(
        self, kind: Kind, user: User | None, user_id: UUID, canonical_email: str, code: str
    ) -> MailProof:
        held = await self.codes.attempt(user_id, kind)
        mail_id = user_id if isinstance(held, NoCode) else held.mail_id  # compared with something in any case
        is_right = self.secrets.is_code(code, kind, user_id, mail_id)
        if isinstance(held, NoCode):
            raise self.refused(WHY[held], user, canonical_email)
        if not is_right:
            is_over = held.is_over(kind, self.ambient.now())
            raise self.refused(Reason.NO_CODE if is_over else Reason.WRONG_CODE, user, canonical_email)
        await self.codes.give_back(user_id, kind, held.mail_id)
        return self._still_good(kind, user, held)

    def _still_good(self, kind: Kind, user: User | None, held: MailedCode) -> MailProof:
        if user is None or user.disabled_at or held.is_over(kind, self.ambient.now()):
            raise self.refused(Reason.CODE_OVER, user)
        if kind is Kind.VERIFY and user.email_verified_at:
            raise self.refused(Reason.CODE_OVER, user)
        if not self.secrets.is_state(held.state, *state_of(kind, user)):
            raise self.refused(Reason.CODE_OVER, user)
        return MailProof(user, held)
