"""What moving accounts asks of the table of users."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.transfer.models import Holder, KeptUser, NewRow


class Moves(Protocol):
    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        """Add these accounts and file their mails, all at once; the ids of those that are added.

        One whose id or address is taken, or whose address can still be taken back by its owner, is left out.
        """

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        """Accounts that have one of these addresses, or of these ids."""

    async def given_up(self, canonical_emails: Sequence[str], at: datetime) -> Collection[str]:
        """Those of these addresses that their owners gave up, and can still take back at this time."""

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        """Accounts by id."""
