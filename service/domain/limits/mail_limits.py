"""The limits on mails that are asked for, and on codes out of mails."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from service.domain.limits.charges import Charge
from service.domain.limits.throttle import Throttle
from service.domain.models import Caller, Visitor
from service.errors import InvalidCodeError, RateLimitedError
from service.settings import ThrottleSettings


@dataclass(frozen=True, slots=True)
class MailLimits:
    throttle: Throttle
    settings: ThrottleSettings
    digest: Callable[[str], str]

    async def mail(self, visitor: Visitor, caller: Caller | None = None) -> None:
        """Before a mail is asked for, whatever the address. Raises RateLimitedError.

        A caller who is logged in has a row of their own: strangers who use up the common ones keep no member from it.
        """
        if caller:
            of_user = Charge("user", self.digest(str(caller.user_id)), self.settings.mail_source)
            await self.throttle.take("mail", of_user, visitor=visitor)
            return
        source = Charge("source", visitor.source, self.settings.mail_source)
        await self.throttle.take("mail", source, Charge("global", "", self.settings.mail_global), visitor=visitor)

    async def mail_to(self, account: str, visitor: Visitor) -> bool:
        """Before a mail is asked for, to an address that may have no account. False: no limit holds for the visitor.

        Raises RateLimitedError.
        """
        asked = Charge("asked", self.digest(account), self.settings.mail_address)
        await self.throttle.take("mail-address", asked, visitor=visitor)
        return not self.throttle.is_free(visitor)

    async def admits_mail(self, visitor: Visitor) -> bool:
        """As `mail`, for a mail that nobody asked for in so many words."""
        try:
            await self.mail(visitor)
        except RateLimitedError:
            return False
        return True

    async def answer_without_code(self, visitor: Visitor) -> None:
        """Where an account alone decides the answer, whatever the code: it costs the source as much as a wrong one, and
        the account nothing. Raises RateLimitedError.
        """
        source = Charge("source", visitor.source, self.settings.code_source)
        await self.throttle.take("code", source, visitor=visitor)

    def code(self, visitor: Visitor, account: str = "") -> AbstractAsyncContextManager[None]:
        """Check a code or a link inside: InvalidCodeError keeps the charge, see `Throttle.guess`.

        `account`: the canonical address that a code is tried for, whether it has an account or not. Links name none, as
        they cannot be guessed, nor do codes that are good with something else alone, which only who asked for them has.
        Raises RateLimitedError.
        """
        charges = [Charge("source", visitor.source, self.settings.code_source)]
        if account:
            charges.append(Charge("account", self.digest(account), self.settings.code_account))
        return self.throttle.guess("code", InvalidCodeError, *charges, visitor=visitor)
