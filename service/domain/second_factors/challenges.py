"""Logins that wait for a second factor. A challenge stands for a right password; it is no session."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.events.security_events import Reason
from service.domain.models import User
from service.domain.second_factors.ports import ChallengeStore
from service.errors import InvalidChallengeError

LIFETIME = timedelta(minutes=5)
TRIES = 5  # codes that one challenge takes
SHAPE = re.compile(r"ch_[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What its token stands for."""

    digest: str
    user_id: UUID
    password_changed_at: datetime

    def is_for(self, user: User) -> bool:
        """Whether the password that was right still is, and would have to be followed by a second factor."""
        is_current = user.password_changed_at == self.password_changed_at
        return is_current and user.disabled_at is None and user.second_factor_since is not None


@dataclass(frozen=True, slots=True)
class Challenges:
    store: ChallengeStore
    ambient: Ambient

    async def begin(self, user: User) -> str:
        """The token: `ch_` and 256 random bits, in letters, digits and underscores alone."""
        token = f"ch_{self.ambient.random_bytes(32).hex()}"
        await self.store.add(_digest(token), user.id, user.password_changed_at, LIFETIME)
        return token

    async def find(self, token: str) -> Challenge:
        """Raises InvalidChallengeError."""
        digest = _digest(token)
        held = await self.store.find(digest) if SHAPE.fullmatch(token) else None
        if held is None:
            raise InvalidChallengeError(Reason.UNKNOWN)
        return Challenge(digest, *held)

    async def count_try(self, challenge: Challenge) -> None:
        """Before a code is looked at, so that parallel guesses are counted too. Raises InvalidChallengeError."""
        if not await self.store.count_try(challenge.digest, TRIES):
            is_over = await self.store.find(challenge.digest) is None
            raise InvalidChallengeError(Reason.REUSED if is_over else "too many tries", user_id=challenge.user_id)

    async def finish(self, challenge: Challenge) -> None:
        """Raises InvalidChallengeError for all but one."""
        if not await self.store.remove(challenge.digest):
            raise InvalidChallengeError(Reason.REUSED, user_id=challenge.user_id)


def _digest(token: str) -> str:
    """SHA-256: enough for a secret of 256 bits."""
    return hashlib.sha256(token.encode()).hexdigest()
