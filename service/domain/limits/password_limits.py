"""The limit on wrong passwords at a change of the password by a session alone."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from service.domain.limits.charges import Charge
from service.domain.limits.throttle import Throttle
from service.domain.models import Visitor
from service.errors import WrongPasswordError
from service.settings import ThrottleSettings


@dataclass(frozen=True, slots=True)
class PasswordLimits:
    throttle: Throttle
    settings: ThrottleSettings
    digest: Callable[[str], str]

    def of_sessions(self, user_id: UUID, visitor: Visitor) -> AbstractAsyncContextManager[None]:
        """Check the password inside: WrongPasswordError keeps the charge, see `Throttle.guess`.

        A row of the user for itself, whatever the source: a stolen session is no reason to trust one. Raises
        RateLimitedError.
        """
        of_user = Charge("user", self.digest(str(user_id)), self.settings.password_change)
        return self.throttle.guess("password-change", WrongPasswordError, of_user, visitor=visitor)
