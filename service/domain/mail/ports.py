"""What mails need of the world: an outbox in the database, and somebody who delivers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from service.domain.mail.models import Letter, Mail, Wish

# Writes the letter of one kind of mail; the same mail always gives the same letter. None: there is
# nothing to send, as nobody has that address or what was asked for is done. Raises the stores' outages.
Writer = Callable[[Mail], Awaitable[Letter | None]]


class Outbox(Protocol):
    async def add(self, mail_id: UUID, wish: Wish) -> None: ...

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Mail]:
        """The mails that are due, the oldest first. Nobody else gets them until the lease is over."""

    async def postpone(self, mail_id: UUID, pause: timedelta, reply: str) -> None:
        """Due again after the pause."""

    async def give_up(self, mail_id: UUID, reply: str) -> None:
        """It is not tried again, and kept for the operator."""

    async def keep(self, mail_id: UUID, recipient: str, rendered: bytes) -> None:
        """Keep the mail as it would have been sent: the inbox of `tokenhouse dev`."""

    async def remove(self, mail_id: UUID) -> None: ...


class Courier(Protocol):
    async def deliver(self, mail_id: UUID, letter: Letter) -> None:
        """Raises RefusedError, PostponedError or UnreachableError. `mail_id` becomes the Message-ID."""


class RefusedError(Exception):
    """The server will never take this mail; the message is its reply."""


class PostponedError(Exception):
    """The server does not take this mail now; the message is its reply."""


class UnreachableError(Exception):
    """The server takes no mail at all at the moment: no mail's attempt is counted."""
