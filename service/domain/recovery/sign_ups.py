"""Sign-ups whose address must be proved before the first login, and their proof by the mailed code alone."""

from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from service.domain.accounts.new_accounts import NewAccount, NewAccounts
from service.domain.limits.mail_limits import MailLimits
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind
from service.domain.models import User, Visitor
from service.domain.recovery.code_mails import CodeMails
from service.domain.recovery.models import MailEvidence
from service.domain.recovery.ports import ProvedUsers
from service.domain.recovery.proofs import Proofs
from service.domain.recovery.verification import Verification

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUps:
    """Nobody has been in an account that waits for its first proof: no call admits its user or has shown its key.

    So the code alone proves the address here, and evicts nobody: see docs/decisions/0026. `must_prove`: whether new
    accounts wait for that.
    """

    users: ProvedUsers
    new_accounts: NewAccounts
    proofs: Proofs
    verification: Verification
    code_mails: CodeMails
    mails: Mails
    limits: MailLimits
    outages: tuple[type[Exception], ...]
    must_prove: bool

    async def sign_up(self, new: NewAccount, visitor: Visitor) -> User:
        """The new account. Raises as `NewAccounts.sign_up` does."""
        user, _ = await self.new_accounts.sign_up(
            replace(new, must_prove_address=self.must_prove, is_welcomed=False), visitor
        )
        if self.mails.is_configured and user.email_verified_at is None:
            await self._welcome(user.id)
        return user

    async def confirm(self, canonical_email: str, code: str, visitor: Visitor) -> bool:
        """Prove the address of an account that waits for it. False: this account does not, and no code is looked at.

        Raises NotConfiguredError, InvalidCodeError, RateLimitedError or a store's outage.
        """
        user = await self.users.by_email(canonical_email)
        if user and not user.waits_for_proof:
            await self.limits.answer_without_code(visitor)
            return False
        self.mails.require_configured()
        shown = MailEvidence(email=canonical_email, code=code, is_username=True)
        proof = await self.proofs.of(Kind.VERIFY, shown, visitor)
        if not proof.user.waits_for_proof:
            return False
        await self.verification.prove(proof)
        return True

    async def send_again(self, canonical_email: str, language: str, visitor: Visitor) -> bool:
        """Another mail, whether the address has an account or not. False: the account waits for no proof.

        Raises NotConfiguredError, RateLimitedError or a store's outage.
        """
        await self.limits.mail(visitor)
        user = await self.users.by_email(canonical_email)
        if user and not user.waits_for_proof:
            return False
        self.mails.require_configured()
        await self.code_mails.verify(canonical_email, user, language, visitor)
        return True

    async def _welcome(self, user_id: UUID) -> None:
        """An outage is only logged: the account is made, and the mail can be asked for."""
        try:
            if user := await self.users.by_id(user_id):
                await self.code_mails.verify_new(user)
        except self.outages as error:
            log.warning("no mail to prove an address", user_id=str(user_id), error=type(error).__name__)
