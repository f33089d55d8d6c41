"""Notices to a user about what happened to the account, filed where it is decided."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind, Letter, Mail, Wish
from service.domain.mail.user_agents import name_of
from service.domain.models import User, Visitor
from service.networks import prefix_of

log = structlog.get_logger(__name__)


class Notice(StrEnum):
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSWORD_RESET = "password_reset"  # noqa: S105 - as above
    EMAIL_CHANGED = "email_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    API_KEY_CREATED = "api_key_created"
    API_KEY_REPLACED = "api_key_replaced"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - as above
    ACCOUNT_CLOSED = "account_closed"
    BY_OPERATOR = "by_operator"


PROVING = frozenset({Notice.PASSWORD_RESET, Notice.EMAIL_CHANGED})  # each tells the address that proved itself by it


class Owners(Protocol):
    async def by_id(self, user_id: UUID) -> User | None: ...


class Notices:
    def __init__(self, mails: Mails, users: Owners, ambient: Ambient, outages: tuple[type[Exception], ...]) -> None:
        self._mails = mails
        self._users = users
        self._ambient = ambient
        self._outages = outages

    async def tell(self, user: User, what: Notice, visitor: Visitor | None = None, *, recipient: str = "") -> None:
        """Nobody is told at an address that is not proved: it may be a stranger's, and whoever signed up with it could
        have any number of mails sent there.

        `recipient`: instead of the account's address. An outage is only logged: what it tells is done.
        """
        is_of_account = recipient in ("", user.email)
        if is_of_account and user.email_verified_at is None and what not in PROVING:
            return
        facts = {"what": what.value, "at": self._ambient.now().isoformat(timespec="seconds")}
        if visitor:
            facts |= {"network": prefix_of(visitor.source), "agent": name_of(visitor.user_agent)}
        owner = None if what is Notice.ACCOUNT_CLOSED else user.id  # a closed account takes its mails with it
        try:
            await self._mails.wish(
                Wish(
                    kind=Kind.NOTICE,
                    recipient=recipient or user.email,
                    user_id=owner,
                    language=user.language,
                    facts=facts,
                )
            )
        except self._outages as error:
            log.warning("notice lost", what=what.value, user_id=str(user.id), error=type(error).__name__)

    async def tell_owner(self, user_id: UUID, what: Notice, visitor: Visitor) -> None:
        """As `tell`, where the account was not read for another reason. Without mail it is not read at all."""
        if not self._mails.is_configured:
            return
        try:
            user = await self._users.by_id(user_id)
        except self._outages as error:
            log.warning("notice lost", what=what.value, user_id=str(user_id), error=type(error).__name__)
            return
        if user:
            await self.tell(user, what, visitor)


async def write_notice(mail: Mail) -> Letter:
    """The writer of the mails that `tell` files."""
    at = datetime.fromisoformat(mail.facts["at"])
    values = {
        "what": mail.facts["what"],
        "at": f"{at:%Y-%m-%d %H:%M} UTC",
        "network": mail.facts.get("network", ""),
        "agent": mail.facts.get("agent", ""),
    }
    return Letter(recipient=mail.recipient, template="notice", language=mail.language, values=values)
