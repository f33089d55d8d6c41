"""Files wishes for mails. A request never decides whether a mail goes out, and never waits for a mail server."""

from collections.abc import Callable

from service.ambient import Ambient
from service.domain.mail.models import FiledMail, Wish
from service.domain.mail.ports import Outbox
from service.errors import NotConfiguredError


class Mails:
    def __init__(self, outbox: Outbox, ambient: Ambient, *, is_configured: bool) -> None:
        self._outbox = outbox
        self._ambient = ambient
        self.is_configured = is_configured
        self.on_wish: Callable[[], None] = lambda: None  # wakes the worker of this instance

    def require_configured(self) -> None:
        """Raises NotConfiguredError."""
        if not self.is_configured:
            raise NotConfiguredError

    async def wish(self, wish: Wish) -> FiledMail | None:
        """One INSERT; nothing at all without mail, and for a user who is gone."""
        if not self.is_configured:
            return None
        mail_id = self._ambient.new_uuid()
        created_at = await self._outbox.add(mail_id, wish)
        self.on_wish()
        return FiledMail(mail_id, created_at) if created_at else None
