"""Instead of a mail server: mails are kept in the database as they would have been sent. For development."""

from service.domain.mail.models import Greeting, Letter, Mail
from service.domain.mail.ports import Outbox
from service.mail.letters import Letters

SHOWN = ("code", "link")  # values that programs may read off the header, which a mail that is sent does not have
PREFIX = "X-Tokenhouse-"


class InboxCourier:
    def __init__(self, outbox: Outbox, letters: Letters) -> None:
        self._outbox = outbox
        self._letters = letters

    async def deliver(self, mail: Mail, letter: Letter) -> str:
        extra = {f"{PREFIX}{name.title()}": letter.values[name] for name in SHOWN if name in letter.values}
        rendered = self._letters.render(mail, letter, extra)
        await self._outbox.keep(mail, rendered.message)
        return "kept in the inbox"

    async def greet(self) -> Greeting:
        return Greeting(is_encrypted=False, is_logged_in=False)

    async def rest(self) -> None:
        """Nothing is open."""
