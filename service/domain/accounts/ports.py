"""The stores that accounts need. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol
from uuid import UUID

from service.domain.accounts.models import Invitation, ProfileChange
from service.domain.models import NamedApiKey, User, UserProfile
from service.domain.operations.ports import ApiKeySeals
from service.domain.second_factors.models import ConfirmedTotp, Passkey
from service.domain.sessions.models import PendingRevocation
from service.domain.sessions.ports import UserLookup


class Users(UserLookup, ApiKeySeals, Protocol):
    async def add(
        self,
        user: User,
        api_key_digest: bytes,
        attributes: Mapping[str, str] | None = None,
        invitation_id: UUID | None = None,
    ) -> None:
        """With an invitation, that is used up: of several accounts with one invitation there is one.

        Raises EmailTakenError when the canonical address has an account, or may go back to one that has left it;
        InvalidInvitationError when the invitation is not good for the address any more. Then nothing is used up.
        """

    async def by_api_key(self, digests: Sequence[bytes], now: datetime) -> User | None:
        """The user whose API key has one of these digests (one per secret that is still accepted).

        A replaced key is valid until the end of its overlap.
        """

    async def set_api_key(
        self, user_id: UUID, sealed: bytes, digest: bytes, earlier_until: datetime | None, *, session_id: str
    ) -> None:
        """Replace the API key; the earlier one expires at once, or at `earlier_until`.

        Raises InvalidTokenError when the session that asks is over by then.
        """

    async def set_password(self, before: User, password_hash: str, ending: PendingRevocation) -> bool:
        """Replace the password and record the revocation, at its time; neither (False) if changed since `before`."""

    async def remove(self, ending: PendingRevocation) -> None:
        """Delete the revocation's user and record the revocation."""

    async def disable(self, at: datetime, ending: PendingRevocation) -> None:
        """Disable the revocation's user and record the revocation."""

    async def enable(self, user_id: UUID) -> None: ...

    async def set_names(self, user_id: UUID, first_name: str | None, last_name: str | None) -> User | None:
        """Change the names that are given; the changed user, None if the account is gone or disabled."""

    async def change_groups(
        self, user_id: UUID, added: Sequence[str], removed: Sequence[str], most: int, most_bytes: int
    ) -> Sequence[str] | None:
        """Add and remove groups, atomically; the sorted groups, or None if there would be more than `most`, or with
        more bytes of JSON than `most_bytes` and than before.
        """

    async def change_claims(self, user_id: UUID, added: str, removed: Sequence[str], most: int) -> str | None:
        """Add the members of a JSON object and remove some, atomically; all of them, None if they take more bytes."""


class InvitationStore(Protocol):
    async def add(self, invitation: Invitation) -> None: ...

    async def find(self, invitation_id: UUID, now: datetime) -> Invitation | None:
        """None for one that was used or removed, or has expired."""

    async def latest(self, now: datetime, limit: int) -> Sequence[Invitation]:
        """Those that have not expired, the newest first."""

    async def remove(self, invitation_id: UUID) -> bool:
        """Whether it was there."""

    async def delete_expired(self, before: datetime) -> None: ...


class ProfileStore(Protocol):
    async def by_id(self, user_id: UUID) -> UserProfile | None: ...

    async def change(self, user_id: UUID, change: ProfileChange, *, session_id: str) -> bool:
        """All of it or nothing; False when the account is gone or disabled.

        Raises InvalidTokenError when the session that asks is over by then.
        """


class NamedApiKeyStore(Protocol):
    async def add(self, key: NamedApiKey, digest: bytes, most: int, *, session_id: str) -> bool:
        """Store a key, unless the user has `most` already: False. The user's expired keys are removed before."""

    async def all_of(self, user_id: UUID) -> Sequence[NamedApiKey]:
        """The oldest first, expired ones among them."""

    async def by_digest(self, digest: bytes) -> tuple[NamedApiKey, User] | None:
        """The key and its owner, expired or not."""

    async def remove(self, user_id: UUID, key_id: UUID) -> bool:
        """Whether the user had such a key."""

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        """Move `last_used_at` of these keys forward, never back."""


class LastFactorError(Exception):
    """An account that must have a second factor would be left without one. Nothing was changed."""


class FactorChanges(Protocol):
    """Changes of second factors. Each is one transaction, and `users.second_factor_since` is kept in it.

    Raises InvalidTokenError when the session that the revocation keeps, or `session_id`, is over by then.
    """

    async def add_totp(self, totp: ConfirmedTotp, recovery_codes: Sequence[bytes], ending: PendingRevocation) -> bool:
        """With new recovery codes instead of any others, and the revocation; nothing (False) where a TOTP is on."""

    async def set_up_totp(
        self, totp: ConfirmedTotp, before: User, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> bool:
        """As `add_totp`; nothing (False) either where the password of `before` was changed, a factor was added or the
        account disabled meanwhile.
        """

    async def keep_totp(self, totp: ConfirmedTotp, ending: PendingRevocation) -> bool:
        """In place of one that is there; whether that was on. If so, this one is, and the revocation is recorded."""

    async def turn_on_totp(self, at: datetime, ending: PendingRevocation) -> bool | None:
        """With the revocation; neither (False) where it is on already. None where there is no TOTP."""

    async def turn_off_totp(self, user_id: UUID, *, session_id: str, may_be_last: bool = True) -> bool | None:
        """As `remove_totp`, but it can be turned on again. False where it is off already, None where there is none.

        Raises LastFactorError where it is the account's last factor and may not be.
        """

    async def remove_totp(self, user_id: UUID) -> bool:
        """With the last factor its recovery codes go too. False where no TOTP is on."""

    async def replace_recovery_codes(self, user_id: UUID, digests: Sequence[bytes], *, session_id: str) -> bool:
        """False for a user without a second factor."""

    async def remove_all(self, ending: PendingRevocation) -> bool:
        """Every factor of the revocation's user, and record the revocation; False, and neither, without any."""


class Added(Enum):
    """What became of a passkey that was to be added."""

    FIRST = "it is the account's first second factor"
    FURTHER = "the account had a second factor already"
    TOO_MANY = "nothing was changed"
    EXISTS = "somebody has it; nothing was changed"


class PasskeyChanges(Protocol):
    """Each change is one transaction, and `users.second_factor_since` is kept in it."""

    async def add(
        self, passkey: Passkey, most: int, recovery_codes: Sequence[bytes], ending: PendingRevocation
    ) -> Added:
        """With the revocation and, where it is the first factor, with new recovery codes."""

    async def rename(self, user_id: UUID, passkey_id: bytes, name: str) -> bool:
        """Whether the user has such a passkey."""

    async def remove(self, user_id: UUID, passkey_id: bytes, *, may_be_last: bool = True) -> bool:
        """With the last factor its recovery codes go too. False where the user has no such passkey.

        Raises LastFactorError where it is the account's last factor and may not be.
        """


class Enrolments(Protocol):
    """TOTP secrets, sealed, that nobody has confirmed yet. They expire by themselves."""

    async def begin(self, user_id: UUID, sealed: bytes, lifetime: timedelta) -> None:
        """Instead of one that was begun before."""

    async def find(self, user_id: UUID) -> bytes | None: ...

    async def remove(self, user_id: UUID) -> None: ...
