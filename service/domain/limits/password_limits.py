"""The limit on wrong passwords at a change of the password by a session alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from service.domain.limits.charges import Charge, Counters
from service.domain.limits.throttle import Throttle
from service.domain.models import Visitor
from service.errors import WrongPasswordError
from service.settings import ThrottleSettings


@dataclass(frozen=True, slots=True)
class PasswordLimits:
    throttle: Throttle
    counters: Counters
    settings: ThrottleSettings
    digest: Callable[[str], str]

    @asynccontextmanager
    async def of_sessions(self, user_id: UUID, visitor: Visitor) -> AsyncIterator[None]:
        """Check the password inside. It is charged before, so that guesses in parallel are bounded.

        WrongPasswordError keeps the charge; without it, or with another error, it is refunded. A row of the user for
        itself, whatever the source: a stolen session is no reason to trust one. Raises RateLimitedError.
        """
        of_user = Charge("user", self.digest(str(user_id)), self.settings.password_change)
        await self.throttle.take("password-change", of_user, visitor=visitor)
        try:
            yield
        except WrongPasswordError:
            raise
        except BaseException:
            await self._refund(of_user, visitor)
            raise
        await self._refund(of_user, visitor)

    async def _refund(self, charge: Charge, visitor: Visitor) -> None:
        if not self.throttle.is_free(visitor):
            await self.counters.refund("password-change", charge)
