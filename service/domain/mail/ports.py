"""What mails need of the world: an outbox in the database, and somebody who delivers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.domain.mail.models import Greeting, KeptMail, Letter, Mail, OutboxState, Wish

# Writes the letter of one kind of mail; the same mail always gives the same letter. None: there is
# nothing to send, as nobody has that address or what was asked for is done. Raises the stores' outages.
Writer = Callable[[Mail], Awaitable[Letter | None]]


class Outbox(Protocol):
    """What concerns a mail that is no longer there, or is kept, does nothing."""

    async def add(self, mail_id: UUID, wish: Wish) -> datetime | None:
        """It is due at once; the time of the mail. A wish of a user who is gone is dropped: None."""

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Mail]:
        """The mails that are due, the oldest first. Nobody else gets them until the lease is over."""

    async def postpone(self, mail_id: UUID, pause: timedelta, reply: str) -> None:
        """Due again after the pause."""

    async def put_back(self, mail_id: UUID, pause: timedelta) -> None:
        """As if it had not been claimed, but due after the pause."""

    async def give_up(self, mail_id: UUID, reply: str) -> None:
        """It is not tried again, and kept for the operator."""

    async def keep(self, mail: Mail, rendered: bytes) -> None:
        """Keep the mail as it would have been sent, for an inbox; it need not have been in the outbox."""

    async def remove(self, mail_id: UUID) -> None: ...

    async def state(self) -> OutboxState: ...

    async def delete_expired(self, after: timedelta) -> None:
        """Delete the mails that were given up or kept, this long after they were asked for."""


class Inbox(Protocol):
    """The kept mails, for `tokenhouse dev`."""

    async def kept(self, limit: int, recipient: str = "") -> Sequence[KeptMail]:
        """Of the latest thousand, the newest first; those to one address, in letters of either case."""

    async def kept_one(self, mail_id: UUID) -> KeptMail | None: ...


class AddressLimit(Protocol):
    """Bounds the mails that strangers can have sent to one address. Raises the stores' outages."""

    async def take(self, recipient: str) -> bool:
        """Whether the address may get one more; it is counted."""

    async def give_back(self, recipient: str) -> None:
        """The mail was not sent."""


class Courier(Protocol):
    async def deliver(self, mail: Mail, letter: Letter) -> str:
        """The server's reply. Raises RefusedError, PostponedError or UnreachableError.

        The Message-ID is made of the mail's id, so that a mail that is sent twice can be told.
        """

    async def greet(self) -> Greeting:
        """Connect, log in where there is a password, and leave. Raises UnreachableError."""

    async def rest(self) -> None:
        """No mail is due: connections can be closed."""


class RefusedError(Exception):
    """The server will never take this mail; the message is its reply."""


class PostponedError(Exception):
    """The server does not take this mail now; the message is its reply."""


class UnreachableError(Exception):
    """The server takes no mail at all at the moment: no mail's attempt is counted. The message names no address."""
