"""The stores that recovery needs. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.accounts.models import EmailChange
from service.domain.mail.models import Kind
from service.domain.models import User
from service.domain.recovery.models import ConfirmedChange, MailedCode, NoCode, PasswordReset, UndoneChange


class MailCodes(Protocol):
    """One mail of each kind is good for a user, the latest that was asked for."""

    async def put(self, user_id: UUID, kind: Kind, code: MailedCode, life: timedelta) -> bool:
        """Remember a mail in place of an older one; the same again changes nothing. False: a newer one is there."""

    async def get(self, user_id: UUID, kind: Kind) -> MailedCode | None: ...

    async def attempt(self, user_id: UUID, kind: Kind) -> MailedCode | NoCode:
        """As `get`, and counts one wrong code."""

    async def give_back(self, user_id: UUID, kind: Kind, mail_id: UUID) -> None:
        """The code was right: do not count it."""

    async def remove(self, user_id: UUID, kind: Kind) -> None: ...


class ProvedUsers(Protocol):
    """Changes of an account by somebody who reads its mails. Of parallel ones exactly one is made."""

    async def by_email(self, canonical_email: str) -> User | None: ...

    async def by_id(self, user_id: UUID) -> User | None: ...

    async def reset(self, reset: PasswordReset) -> bool | None:
        """Set the password and record the revocation; None if the account is no longer in that state.

        True: the address was not proved before. It is from now on, and whatever somebody else may have left in the
        account is gone: API keys, factors, changes of the address.
        """

    async def prove(self, before: User, at: datetime) -> bool:
        """The address is proved, so that logins need no proof any more; False if it was, or is another one now."""


class EmailChanges(Protocol):
    async def request(self, change: EmailChange, *, session_id: str) -> None:
        """In place of one that waits for its proof. Those that were made stay."""

    async def waiting(self, user_id: UUID) -> EmailChange | None: ...

    async def undoable(self, user_id: UUID, now: datetime) -> Sequence[EmailChange]: ...

    async def confirm(self, change: ConfirmedChange) -> str | None:
        """Make the change; the new address.

        In the same transaction: the revocation, and a mail to the address before. None when there is no such change
        any more, the account is in another state, or another account has the new address.
        """

    async def undo(self, undone: UndoneChange) -> bool:
        """Take the change back, and all that was added to the account since it was asked for.

        Records the revocation, and a mail for a new password. False if that was done already, or it is too late.
        Raises EmailTakenError, and changes nothing, when another account has the address.
        """

    async def delete_expired(self, before: datetime) -> None:
        """Delete the changes that were asked for before that time."""
