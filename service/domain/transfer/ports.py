"""What moving accounts needs of the world: the table of users, and the system before this one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.transfer.models import Holder, KeptUser, NewRow


class Moves(Protocol):
    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        """Add these accounts and file their mails, all at once; the ids of those that are added.

        One whose id or address is taken, or whose address can still be taken back by its owner, is left out.
        """

    async def add_one(self, row: NewRow) -> bool:
        """The same of one account, without a mail and within the time of a request; False: it is left out."""

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        """Accounts that have one of these addresses, or of these ids."""

    async def given_up(self, canonical_emails: Sequence[str], at: datetime) -> Collection[str]:
        """Those of these addresses that their owners gave up, and can still take back at this time."""

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        """Accounts by id."""


class OldSystem(Protocol):
    async def ask(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer, the latter for a status of 200 alone. No redirect is followed.

        Raises NoOldAnswerError, within its time limit.
        """

    async def check(self) -> None:
        """Connect, and ask nothing. Raises NoOldAnswerError."""


class NoOldAnswerError(Exception):
    """There was none, or none that is understood; the message says why, and quotes nothing of it."""

    def __init__(self, why: str, *, was_reached: bool = False) -> None:
        super().__init__(why)
        self.was_reached = was_reached
