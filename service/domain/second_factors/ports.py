"""What second factors need of the world. The stores are implemented in `service/stores`; tests have fakes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from service.domain.models import User
from service.domain.second_factors.models import HeldFactors, Passkey


class FactorStore(Protocol):
    """What a login reads and uses up, without a TOTP that is off; for changes see `FactorChanges` of the accounts."""

    async def of_user(self, user_id: UUID) -> HeldFactors: ...

    async def totp_secret(self, user_id: UUID) -> bytes | None:
        """Sealed."""

    async def use_step(self, user_id: UUID, step: int) -> bool:
        """Use up the code of this step and all earlier ones; False if one of them or a later one was used."""

    async def use_recovery_code(self, user_id: UUID, digests: Sequence[bytes]) -> bool:
        """Use up the code with one of these digests (one per secret); False if there is none."""


class Assertions(Protocol):
    """Proofs by passkeys."""

    async def use(self, user: User, credential: Mapping[str, Any]) -> tuple[str, ...]:
        """How the user authenticated (RFC 8176): `hwk` or `swk`, and `user`. Raises InvalidCodeError."""

    async def are_usable(self, user: User) -> bool:
        """Whether one of the user's passkeys was made for this relying party."""


class PasskeyStore(Protocol):
    """What a login reads and uses up; for changes see `PasskeyChanges` of the accounts."""

    async def of_user(self, user_id: UUID) -> Sequence[Passkey]:
        """The oldest first, those of other relying parties among them."""

    async def find(self, passkey_id: bytes) -> tuple[Passkey, User] | None: ...

    async def use(self, passkey_id: bytes, sign_count: int, at: datetime, *, backed_up: bool) -> bool:
        """Move the counter forward; False unless it is higher than the stored one, or both are zero."""


class PasskeyChallenges(Protocol):
    """Challenges of WebAuthn, by their digest. They expire by themselves, and each is taken once."""

    async def add(self, digest: str, meant_for: str, lifetime: timedelta) -> None: ...

    async def take(self, digest: str) -> str | None:
        """What it is meant for. Of all callers for one challenge, one gets it."""


class ChallengeStore(Protocol):
    """Logins that wait for a second factor, by the digest of their token. They expire by themselves."""

    async def add(self, digest: str, user_id: UUID, password_changed_at: datetime, lifetime: timedelta) -> None: ...

    async def find(self, digest: str) -> tuple[UUID, datetime] | None:
        """The user, and when the password that was right had been set."""

    async def count_try(self, digest: str, most: int) -> bool:
        """Count one more try, atomically; False after `most` of them, and where there is no such challenge."""

    async def keep_secret(self, digest: str, sealed: bytes) -> bool:
        """The secret of a TOTP that is being set up, in place of an earlier one; False without such a challenge."""

    async def secret(self, digest: str) -> bytes | None: ...

    async def remove(self, digest: str) -> bool:
        """Of all callers for one challenge, one gets True."""
