"""What a mail worker would send: the letters that prove an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from service.assembly.application import Application
from service.domain.mail.models import Kind, Letter, Mail
from tests.support.builders import NOON
from tests.support.fakes import FakeUsers

MAIL = {"url": "smtp://mail.example.com", "sender": "accounts@example.com"}  # nobody connects to it
LEASE = timedelta(minutes=1)


@dataclass
class Postbox:
    application: Application
    letters: list[Letter] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)  # those that were written, or for which there was nothing to send
    notices: list[Mail] = field(default_factory=list)

    async def collect(self) -> list[Letter]:
        """Write all that waits; the new letters."""
        outbox = self.application.backends.outbox
        written = []
        for mail in await outbox.claim(1_000, LEASE):
            if mail.kind is Kind.NOTICE:
                self.notices.append(mail)
            else:
                self.mails.append(mail)
                if letter := await self.write(mail):
                    written.append(letter)
            await outbox.remove(mail.id)
        self.letters += written
        return written

    async def write(self, mail: Mail) -> Letter | None:
        if mail.kind is Kind.INVITATION:
            return await self.application.invitations.write(mail)
        return await self.application.recovery.letters.writers[Kind(mail.kind)](mail)

    async def one(self) -> Letter:
        """The only letter that is new."""
        (letter,) = await self.collect()
        return letter


def prove(users: FakeUsers, person: Mapping[str, str]) -> None:
    """As if the person had shown the code of a mail."""
    user = users.rows[UUID(person["userId"])]
    users.rows[user.id] = replace(user, email_verified_at=NOON)


def token_of(letter: Letter) -> str:
    return letter.values["link"].partition("?token=")[2]
